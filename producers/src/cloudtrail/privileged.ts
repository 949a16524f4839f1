import { member, text, truth } from './shape.ts';
import type { Json } from './shape.ts';

/** Services whose every change touches rights, keys, secrets or the audit trail. */
const sensitive = new Set([
  'iam',
  'organizations',
  'account',
  'sso',
  'sso-directory',
  'identitystore',
  'rolesanywhere',
  'kms',
  'cloudhsm',
  'secretsmanager',
  'cloudtrail',
  'config',
  'guardduty',
  'securityhub',
  'access-analyzer',
  'macie2',
  'detective',
  'inspector2',
  'ram',
  'cognito-idp',
]);

/** Of these services only some actions do; reading is among them where what is read is a secret or a way in. */
const actions: Readonly<Record<string, RegExp>> = {
  sts: /^(AssumeRoot|GetFederationToken)$/,
  secretsmanager: /^(Batch)?GetSecretValue$/,
  ssm: /^(GetParameters?|GetParametersByPath|GetParameterHistory|SendCommand|StartSession|ResumeSession|StartAutomationExecution|ModifyDocumentPermission)$/,
  kms: /^(Decrypt|GetPublicKey|GenerateDataKeyPair)$/,
  ec2: /^(GetPasswordData|EnableSerialConsoleAccess|Modify(Image|Snapshot)Attribute|ModifyInstanceAttribute|AuthorizeSecurityGroup(In|E)gress|ModifySecurityGroupRules|DeleteFlowLogs|DisableEbsEncryptionByDefault|(Replace|Associate)IamInstanceProfile(Association)?|CreateKeyPair|ImportKeyPair|DisableImageBlockPublicAccess|DisableSnapshotBlockPublicAccess)$/,
  'ec2-instance-connect': /^Send/,
  s3: /^(Put|Delete)(Bucket|Object|Account)?(Policy|Acl|PublicAccessBlock|Logging|Encryption|Versioning|Lifecycle|Replication)/,
  rds: /^(ModifyDB(Cluster)?SnapshotAttribute|ModifyDBInstance|CreateDBSecurityGroup|AuthorizeDBSecurityGroupIngress)$/,
  lambda:
    /^(AddPermission|RemovePermission|UpdateFunctionCode|UpdateFunctionConfiguration|CreateFunctionUrlConfig|AddLayerVersionPermission)/,
  logs: /^(Delete(LogGroup|LogStream|SubscriptionFilter|ResourcePolicy)|Put(ResourcePolicy|RetentionPolicy)|DisassociateKmsKey)/,
  cloudwatch: /^(DeleteAlarms|DisableAlarmActions)$/,
  monitoring: /^(DeleteAlarms|DisableAlarmActions)$/,
  events: /^(DeleteRule|DisableRule|RemoveTargets|PutPermission)$/,
  route53resolver: /^(Delete|Disassociate)/,
  ecr: /^(SetRepositoryPolicy|DeleteRepositoryPolicy|PutRegistryPolicy)$/,
  sns: /^(AddPermission|SetTopicAttributes)$/,
  sqs: /^(AddPermission|SetQueueAttributes)$/,
  eks: /^(CreateAccessEntry|AssociateAccessPolicy|UpdateClusterConfig)$/,
  bedrock:
    /^(PutModelInvocationLoggingConfiguration|DeleteModelInvocationLoggingConfiguration|PutUseCaseForModelAccess|PutFoundationModelEntitlement|CreateFoundationModelAgreement)$/,
};

const reading =
  /^(BatchGet|Batch?Describe|Check|Describe|Generate(Credential|ServiceLastAccessed)|Get|Head|List|Lookup|Query|Scan|Search|Select|Simulate|Test|Validate|View)/;

/**
 * Whether the action touches rights, keys, secrets, the audit trail itself, or is done by an account's root user. It is a
 * mark for detections, tried or done: a denied attempt is marked too.
 */
export function isPrivileged(record: Json): boolean {
  if (text(record, 'eventCategory') === 'Insight') return false;
  const identity = member(record, 'userIdentity');
  if (text(identity, 'type') === 'Root' && text(identity, 'invokedBy') === null) return true;
  const service = (text(record, 'eventSource') ?? '').replace(/\.amazonaws\.com(\.cn)?$/, '');
  const action = text(record, 'eventName') ?? '';
  if (Object.hasOwn(actions, service) && actions[service]?.test(action) === true) return true;
  const readOnly = truth(record, 'readOnly') ?? reading.test(action);
  return sensitive.has(service) && !readOnly && action !== 'GenerateDataKey' && action !== 'Encrypt';
}
