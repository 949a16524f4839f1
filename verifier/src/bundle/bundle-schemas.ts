import type { SchemaSource } from '@tallystick/schemas/decoder';
import { SchemasError } from '@tallystick/schemas/errors';
import { VerifierError } from '../errors.ts';
import type { BundleFile } from './bundle-file.ts';
import type { Extent } from './bundle-walk.ts';
import { maxSchemaBytes } from './limits.ts';

/** The schemas in a bundle, by the id that the registry gave them. An empty one says that the registry knew none with that id. */
export class BundleSchemas implements SchemaSource {
  private readonly file: BundleFile;
  private readonly members: ReadonlyMap<number, Extent>;

  constructor(file: BundleFile, members: ReadonlyMap<number, Extent>) {
    this.file = file;
    this.members = members;
  }

  async schemaById(id: number): Promise<string> {
    const found = this.members.get(id);
    if (found === undefined) {
      // Nobody asked for it, so nothing is known of it: that says nothing about the record.
      throw new SchemasError(
        'REGISTRY_UNREACHABLE',
        `the bundle holds no schema with id ${id}: ask for one that does`,
        {
          evidence: { id },
        },
      );
    }
    if (found.size === 0) {
      throw new SchemasError('SCHEMA_UNKNOWN', `the registry had no schema with id ${id} when the bundle was made`, {
        evidence: { id },
      });
    }
    if (found.size > maxSchemaBytes) {
      throw new SchemasError('SCHEMA_INVALID', `schema ${id} of the bundle has ${found.size} bytes`, {
        evidence: { id },
      });
    }
    try {
      return (await this.file.read(found.position, found.size)).toString('utf8');
    } catch (cause) {
      if (!(cause instanceof VerifierError)) throw cause;
      throw new SchemasError('REGISTRY_UNREACHABLE', cause.message, { cause, evidence: { id } });
    }
  }
}
