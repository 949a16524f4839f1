/** How bad a finding is. Races, resends and prunes are notes. */
export type Severity = 'tampering' | 'loss' | 'warning' | 'note';

/** What a finding's place is: offsets `<first>-<last>`, a statement's hash, or nothing. */
export type PlaceKind = 'offsets' | 'statement' | 'none';

interface CodeMeaning {
  readonly severity: Severity;
  /** The exit code that a verdict with this finding has at least: 1 wins over 3, 3 over 0. */
  readonly exit: 0 | 1 | 3;
  readonly place: PlaceKind;
  readonly what: string;
}

const tampering = { severity: 'tampering', exit: 1 } as const;
const loss = { severity: 'loss', exit: 1 } as const;
const warning = { severity: 'warning', exit: 0 } as const;
const note = { severity: 'note', exit: 0 } as const;
const inconclusive = { severity: 'warning', exit: 3 } as const;

/** Section 9 of the protocol as data, and the codes that ADR 6 and ADR 8 add to it: every code that a verdict can hold. */
export const findingCodes = {
  'root-mismatch': {
    ...tampering,
    place: 'offsets',
    what: 'the records of a sealed batch give another root than its seal says',
  },
  'head-mismatch': {
    ...tampering,
    place: 'offsets',
    what: 'the last event of a sealed batch gives another leaf than its seal says',
  },
  'time-mismatch': {
    ...tampering,
    place: 'offsets',
    what: 'the last event of a sealed batch has another timestamp than its seal says',
  },
  'epoch-mismatch': {
    ...tampering,
    place: 'offsets',
    what: 'the last event of a sealed batch has another leader epoch than its seal says',
  },
  altered: {
    ...tampering,
    place: 'offsets',
    what: 'these very events are not what was sealed: the stored leaves name them',
  },
  'bad-crc': { ...tampering, place: 'offsets', what: 'a stored record batch does not match its own checksum' },
  'bad-magic': { ...tampering, place: 'offsets', what: 'a stored record batch is of a format that was never sealed' },
  fork: {
    ...tampering,
    place: 'statement',
    what: 'a well-signed statement contradicts the accepted ones: there are two histories',
  },
  'false-gap': {
    ...tampering,
    place: 'statement',
    what: 'a gap says that offsets were deleted which still hold records',
  },
  'topic-recreated': {
    ...tampering,
    place: 'offsets',
    what: 'the topic has another id than its genesis says, and no later generation explains it',
  },
  rollback: { ...tampering, place: 'offsets', what: 'what this checker accepted before is not there any more' },
  'before-genesis': {
    ...tampering,
    place: 'offsets',
    what: 'there are records below the first offset of generation 0',
  },
  'log-refused': {
    ...tampering,
    place: 'statement',
    what: 'the log holds an entry that the rules of acceptance refuse',
  },
  checkpoint: {
    ...tampering,
    place: 'none',
    what: 'a checkpoint disagrees with the tree or with an earlier checkpoint',
  },
  tile: { ...tampering, place: 'none', what: 'a tile of the log disagrees with its tree' },
  quorum: { ...tampering, place: 'none', what: 'the quorum of witnesses was not reached' },
  proof: { ...tampering, place: 'none', what: 'a proof fails or does not parse' },
  'archive-mismatch': {
    ...tampering,
    place: 'statement',
    what: 'an archive object is not what its prune statement says',
  },
  'id-conflict': {
    ...tampering,
    place: 'offsets',
    what: 'two records have one event id, or one number of one life, and are not the same event',
  },
  'bad-signature': { ...tampering, place: 'offsets', what: "a producer's signature on an event does not verify" },
  'copy-altered': { ...tampering, place: 'offsets', what: 'a row of the query copy is not what its record gives' },
  'copy-extra': { ...tampering, place: 'offsets', what: 'the query copy holds rows that no record gives' },
  'copy-missing': { ...loss, place: 'offsets', what: 'the query copy lacks rows that it had, or should have' },
  gap: { ...loss, place: 'statement', what: 'events were deleted before they were sealed' },
  generation: {
    ...loss,
    place: 'statement',
    what: 'a partition was stopped and begun anew: what lies between is lost',
  },
  'seals-lost': { ...loss, place: 'statement', what: 'the seals topic lacks statements that the log holds' },
  deleted: { ...loss, place: 'offsets', what: 'sealed records are gone without a prune statement' },
  truncated: { ...loss, place: 'offsets', what: 'the partition ends before its last sealed event' },
  'missing-offsets': { ...loss, place: 'offsets', what: 'offsets between stored records hold nothing' },
  'not-covered': { ...loss, place: 'offsets', what: 'offsets below the log start are in no seal and in no gap' },
  'topic-missing': {
    ...loss,
    place: 'offsets',
    what: 'a topic or partition that accepted statements speak of does not exist',
  },
  'sequence-hole': { ...loss, place: 'offsets', what: "a producer's sequence numbers have a hole" },
  'control-batch': { ...warning, place: 'offsets', what: 'the partition holds control records of transactions' },
  'transactional-batch': { ...warning, place: 'offsets', what: 'the partition holds transactional batches' },
  'create-time': { ...warning, place: 'offsets', what: "batches carry their producer's clock, not the broker's" },
  'unparsed-batch': { ...warning, place: 'offsets', what: 'a batch does not parse; it is sealed as a whole' },
  'time-outside': { ...warning, place: 'offsets', what: 'a timestamp lies outside 0 to 2^53-1' },
  'key-refused': { ...warning, place: 'statement', what: 'a key statement that is signed but has no effect' },
  'leaves-missing': {
    ...warning,
    place: 'offsets',
    what: 'no leaves are stored for a seal: it can be checked, but names a batch only',
  },
  'leaves-wrong': { ...warning, place: 'offsets', what: "the leaves stored for a seal do not give the seal's root" },
  'leaves-unreadable': { ...warning, place: 'offsets', what: 'the leaves stored for a seal cannot be read' },
  unjudged: { ...warning, place: 'statement', what: 'a statement that cannot be told from a lost race any more' },
  'unpinned-schema': {
    ...warning,
    place: 'offsets',
    what: 'an event does not pin its schema: what it means is what the registry says',
  },
  'clock-skew': {
    ...warning,
    place: 'offsets',
    what: 'clocks of producers, brokers and witnesses are further apart than the limit',
  },
  undecodable: { ...warning, place: 'offsets', what: 'records are no audit events: they are sealed, but say nothing' },
  race: {
    ...note,
    place: 'statement',
    what: 'a statement of a second ledger that lost the race: nothing is wrong with its content',
  },
  resend: {
    ...note,
    place: 'statement',
    what: 'the same statement, under the same key, was produced again: it is ignored',
  },
  duplicate: { ...note, place: 'offsets', what: 'the same event was delivered more than once' },
  'sequence-late': { ...note, place: 'offsets', what: "a producer's sequence numbers stand behind a higher one" },
  prune: { ...note, place: 'statement', what: 'events were removed under a retention rule after they were archived' },
  'no-genesis': { ...inconclusive, place: 'none', what: 'a partition has records but no accepted genesis' },
  'nothing-to-check': {
    ...inconclusive,
    place: 'none',
    what: 'there is nothing to check, or nothing valid under the root key given',
  },
  unreadable: { ...inconclusive, place: 'none', what: 'something needed for the check could not be read' },
  'unknown-statement': {
    ...inconclusive,
    place: 'none',
    what: 'a signed statement of a kind or version that this release does not know',
  },
  'archive-unchecked': { ...inconclusive, place: 'none', what: 'an archive object was not checked' },
  'tail-old': { ...inconclusive, place: 'none', what: 'the unsealed tail is older than the limit' },
  'copy-behind': { ...inconclusive, place: 'none', what: 'the query copy is further behind than the limit' },
  'checkpoint-old': { ...inconclusive, place: 'none', what: 'the checkpoint is older than the limit' },
  unavailable: { ...inconclusive, place: 'none', what: 'a service does not answer or refuses the login' },
} as const satisfies Record<string, CodeMeaning>;

export type FindingCode = keyof typeof findingCodes;
