/** A personal value encrypted under a key of its data subject: destroying that key erases it, and every proof stays valid. */
export interface Protected {
  readonly keyId: string;
  /** For example `AES-256-GCM`. */
  readonly algorithm: string;
  readonly nonce: Uint8Array;
  /** With its authentication tag. */
  readonly ciphertext: Uint8Array;
}

/** A value that can be personal: as text, or protected. */
export type Personal = string | Protected | null;

export interface Actor {
  /** An open string: `user`, `service`, `role`, … */
  readonly type?: string | null;
  /** What tells this actor from all others. */
  readonly id?: Personal;
  readonly name?: Personal;
  readonly email?: Personal;
  /** The account, organisation or realm that the actor belongs to. */
  readonly account?: Personal;
  /** Roles that the actor acted in. */
  readonly roles?: readonly Personal[];
}

export interface Resource {
  readonly type?: string | null;
  readonly id?: Personal;
  readonly name?: Personal;
  readonly account?: Personal;
}

export interface Location {
  readonly country?: Personal;
  readonly region?: Personal;
  readonly city?: Personal;
  /** Decimal degrees, `latitude,longitude`. */
  readonly coordinates?: Personal;
}

export interface Initiator {
  /** IP address as text. */
  readonly ip?: Personal;
  readonly host?: Personal;
  readonly userAgent?: Personal;
  readonly deviceId?: Personal;
  readonly location?: Location | null;
}

export interface Authentication {
  readonly method?: string | null;
  readonly mfa?: boolean | null;
  /** Names the credential; never a secret. */
  readonly credentialId?: Personal;
  readonly identityProvider?: Personal;
  /** Unix milliseconds. */
  readonly sessionStartedAtMs?: number | null;
}

export interface Correlation {
  /** W3C trace id. */
  readonly traceId?: Personal;
  readonly spanId?: Personal;
  readonly requestId?: Personal;
  readonly sessionId?: Personal;
  /** Id of the event that caused this one. */
  readonly parentId?: Personal;
  /** Shared by events that are sides of one action. */
  readonly groupId?: Personal;
}

export interface GuardrailDecision {
  /** `allow`, `flag`, `deny`, `require-approval`. */
  readonly decision: string;
  /** `enforce` or `shadow`. */
  readonly mode?: string | null;
  readonly policy?: string | null;
  readonly policyVersion?: string | null;
  readonly rules?: readonly string[];
  readonly reason?: Personal;
  readonly approvedBy?: Personal;
  readonly breakGlass?: boolean | null;
}

export interface Original {
  /** For example `aws.cloudtrail`. */
  readonly format: string;
  /** Of the format. */
  readonly version?: string | null;
  /** JSON text, or bytes where it is no text. */
  readonly data?: Personal | Uint8Array;
}

/** What happened: the part of an audit event that its author gives. */
export interface EventContent {
  /** What was done, for example `invoice:approve`. */
  readonly action: string;
  /** Groups actions: `management`, `data`, `sign-in`, … */
  readonly category?: string | null;
  /** Unix milliseconds, by the clock of the source. */
  readonly occurredAtMs: number;
  readonly actor?: Actor | null;
  /** Whose authority was used, where the actor acts for somebody else. */
  readonly onBehalfOf?: Actor | null;
  /** The first is the main one. */
  readonly resources?: readonly Resource[];
  /** The system acted on, for example `ec2.amazonaws.com`. */
  readonly service?: string | null;
  readonly tenant?: Personal;
  /** The account that the action took place in. */
  readonly account?: Personal;
  readonly region?: string | null;
  readonly environment?: string | null;
  readonly initiator?: Initiator | null;
  readonly authentication?: Authentication | null;
  readonly reason?: Personal;
  /** `success`, `failure`, `denied`, `unknown`: an open string. */
  readonly outcome: string;
  readonly errorCode?: string | null;
  readonly errorMessage?: Personal;
  /** State before and after, JSON text. */
  readonly before?: Personal;
  readonly after?: Personal;
  /** What was asked for and what was answered, JSON text. */
  readonly request?: Personal;
  readonly response?: Personal;
  readonly readOnly?: boolean | null;
  /** Touches rights, keys, secrets or the audit trail itself. */
  readonly privileged?: boolean | null;
  readonly correlation?: Correlation | null;
  readonly guardrail?: GuardrailDecision | null;
  readonly labels?: Readonly<Record<string, Personal>>;
  readonly original?: Original | null;
}

/** What an audit event is known by, and its place in the life of its producer. */
export interface EventIdentity {
  /** UUID text in lower case: version 7, or version 8 derived from the original record of an import. */
  readonly id: string;
  /** 16 bytes that keep the hash of an event from being guessed. */
  readonly salt?: Uint8Array | null;
  /** The service that emits the event. */
  readonly source: string;
  /** One running copy of the source. */
  readonly instance: string;
  /** One life of the instance; later lives have larger numbers. */
  readonly epoch: number;
  /** 0, 1, 2 … without holes for each instance, epoch and partition. */
  readonly sequence: number;
  /** In the first event of an epoch in a partition, where it is known: the epoch before and its last sequence there. */
  readonly previousEpoch?: number | null;
  readonly previousSequence?: number | null;
}

/**
 * An audit event as it is stored. A decoded one holds every member, with null (or an empty list or map) for what is absent;
 * one that is to be written may leave those out.
 */
export interface AuditEvent extends EventContent, EventIdentity {}
