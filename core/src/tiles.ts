// C2SP tlog-tiles (https://c2sp.org/tlog-tiles): a log's tree and entries as static files.

export { formatEntryBundle, maxEntryBytes, parseEntryBundle } from './tile-bundle.ts';
export { parseTilePath, tilePath, tileWidth, type Tile } from './tile-path.ts';
export {
  consistencyPathFromTiles,
  edgeTiles,
  inclusionPathFromTiles,
  rootFromTiles,
  type FetchTile,
} from './tile-proofs.ts';
