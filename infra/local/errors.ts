/** The codes of the local stack, each with what it means. */
export const infraErrors = {
  JAVA_MISSING: 'no Java was found; Kafka and the registry need Java 17 or newer',
  JAVA_TOO_OLD: 'the Java that was found is older than 17',
  MAVEN_MISSING: 'no Maven was found; it downloads Kafka and the registry once',
  LIBS_DOWNLOAD_FAILED: 'Maven could not download what the local stack runs',
  GO_MISSING: 'no Go was found; the local S3 server is built with it once',
  S3_SERVER_BUILD_FAILED: 'Go could not build the local S3 server',
  PLATFORM_UNSUPPORTED: 'the local stack cannot run on this operating system',
  STACK_HOME_UNUSABLE: 'the folder of the stack cannot be used: its path, its owner or what lies in it',
  STACK_STATE_CORRUPT: 'stack.json of the stack does not hold what this release writes there',
  STACK_SECRET_MISSING: 'a password file of the stack is missing although its Kafka was already formatted',
  STACK_BUSY: 'another start or stop of the same stack did not finish in time',
  STACK_PART_FAILED: 'a server of the stack ended or did not answer in time; the message quotes its log',
  STACK_STOP_FAILED: 'a server of the stack still ran after it was killed',
  STACK_NOT_STARTED: 'something was asked of a stack, or of a server of it, that was never started',
} as const;

export type InfraErrorCode = keyof typeof infraErrors;

/**
 * Every error that the local stack raises on purpose: the shape of the other packages' errors (`code`, `message`, `evidence`,
 * `fatal`), declared here because infra imports none of them.
 */
export class InfraError extends Error {
  override readonly name = 'InfraError';
  readonly code: InfraErrorCode;
  readonly evidence: Readonly<Record<string, unknown>>;
  readonly fatal = false;

  constructor(
    code: InfraErrorCode,
    message: string,
    options: { cause?: unknown; evidence?: Readonly<Record<string, unknown>> } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.evidence = options.evidence ?? {};
  }
}
