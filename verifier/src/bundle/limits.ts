/** Bytes of a chunk of records at most, but for a single batch that is larger. */
export const chunkBytes = 8 * 1024 * 1024;

/** Bytes that a member may have. A record batch that is larger cannot be exported. */
export const maxMemberBytes = 256 * 1024 * 1024;

/** Members of one bundle: with full chunks about 8 TB. */
export const maxMembers = 1_000_000;

export const maxManifestBytes = 16 * 1024 * 1024;
export const maxPolicyBytes = 1024 * 1024;
export const maxSchemaBytes = 1024 * 1024;

/** Schemas that one export asks the registry for: a record can name any id. */
export const maxSchemas = 1_000;

/** Topics besides the three of today that accepted geneses may name. */
export const maxOtherTopics = 99;
