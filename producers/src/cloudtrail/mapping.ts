import { isIP } from 'node:net';
import type { EventContent, Initiator } from '@tallystick/schemas/audit-event';
import { ProducersError } from '../errors.ts';
import { actorOf, authenticationOf, onBehalfOfOf } from './actor.ts';
import { outcomeOf } from './outcome.ts';
import { isPrivileged } from './privileged.ts';
import { resourcesOf } from './resources.ts';
import { jsonText, member, text, time, truth } from './shape.ts';
import type { Json } from './shape.ts';

/** The source that all events from CloudTrail have, so that two imports of a record are equal. */
export const cloudTrailSource = 'aws.cloudtrail';

/** Whether the document is a CloudTrail event, Insights events included. */
export function isCloudTrail(record: Json): boolean {
  return (text(record, 'eventName') !== null && text(record, 'eventSource') !== null) || isInsight(record);
}

function isInsight(record: Json): boolean {
  return (
    text(record, 'eventType') === 'AwsCloudTrailInsight' && text(member(record, 'insightDetails'), 'eventName') !== null
  );
}

/** What a document is that is no CloudTrail event, as far as it can be told. */
export function describeOther(record: Json): string {
  if ('digestStartTime' in record || 'digestS3Bucket' in record)
    return 'a CloudTrail digest file: it holds hashes of log files, no events';
  if (text(record, 'apiVersion')?.startsWith('audit.k8s.io') === true)
    return 'a Kubernetes audit event, and this importer reads CloudTrail';
  if ('CloudTrailEvent' in record || 'Events' in record) {
    return 'output of "aws cloudtrail lookup-events": write the events alone with --query "Events[].CloudTrailEvent" --output text';
  }
  return 'no CloudTrail event: it has no eventName and eventSource';
}

function serviceOf(record: Json): string {
  return (
    text(record, 'eventSource') ?? text(member(record, 'insightDetails'), 'eventSource') ?? 'cloudtrail.amazonaws.com'
  );
}

function actionOf(record: Json): string {
  if (isInsight(record)) return `cloudtrail:${text(member(record, 'insightDetails'), 'insightType') ?? 'Insight'}`;
  return `${serviceOf(record).replace(/\.amazonaws\.com(\.cn)?$/, '')}:${text(record, 'eventName') ?? ''}`;
}

function categoryOf(record: Json): string | null {
  if (text(record, 'eventType') === 'AwsConsoleSignIn') return 'sign-in';
  if (isInsight(record)) return 'insight';
  const category = text(record, 'eventCategory');
  if (category !== null) return category === 'NetworkActivity' ? 'network-activity' : category.toLowerCase();
  return truth(record, 'managementEvent') === true ? 'management' : null;
}

function labelsOf(record: Json): Record<string, string> {
  const labels: Record<string, string | null> = {
    'aws.eventID': text(record, 'eventID'),
    'aws.eventType': text(record, 'eventType'),
    'aws.invokedBy': text(member(record, 'userIdentity'), 'invokedBy'),
    'aws.vpcEndpointId': text(record, 'vpcEndpointId'),
    'aws.insightState': text(member(record, 'insightDetails'), 'state'),
    'aws.insightAction': text(member(record, 'insightDetails'), 'eventName'),
  };
  return Object.fromEntries(Object.entries(labels).filter((label): label is [string, string] => label[1] !== null));
}

function initiatorOf(record: Json): Initiator | null {
  const address = text(record, 'sourceIPAddress');
  const userAgent = text(record, 'userAgent');
  if (address === null && userAgent === null) return null;
  // AWS writes the name of a service, or "AWS Internal", in place of an address.
  // Records whose addresses were made unrecognisable have such as 198.051.100.07: kept as written, they are still the address.
  const isAddress = address !== null && (isIP(address) !== 0 || /^\d{1,3}(\.\d{1,3}){3}$/.test(address));
  return { ip: isAddress ? address : null, host: isAddress ? null : address, userAgent };
}

/**
 * Maps a CloudTrail record to an audit event. It holds nothing that differs from one import of the record to the next.
 * @param original the record's exact text
 * @throws ProducersError IMPORT_UNSUPPORTED for a document of another kind, IMPORT_RECORD for one without a time
 */
export function mapRecord(record: Json, original: string): EventContent {
  if (!isCloudTrail(record)) throw new ProducersError('IMPORT_UNSUPPORTED', describeOther(record));
  const occurredAtMs = time(record, 'eventTime') ?? time(record, '@timestamp');
  if (occurredAtMs === null)
    throw new ProducersError('IMPORT_RECORD', 'neither eventTime nor @timestamp is an ISO 8601 time');
  return {
    action: actionOf(record),
    category: categoryOf(record),
    occurredAtMs,
    actor: isInsight(record) ? { type: 'service', id: 'cloudtrail.amazonaws.com' } : actorOf(record),
    onBehalfOf: onBehalfOfOf(record),
    resources: resourcesOf(record),
    service: serviceOf(record),
    account: text(record, 'recipientAccountId') ?? text(member(record, 'userIdentity'), 'accountId'),
    region: text(record, 'awsRegion'),
    initiator: initiatorOf(record),
    authentication: authenticationOf(record),
    outcome: outcomeOf(record),
    errorCode: text(record, 'errorCode'),
    errorMessage: text(record, 'errorMessage'),
    request: jsonText(record, 'requestParameters'),
    response: jsonText(record, 'responseElements'),
    readOnly: truth(record, 'readOnly'),
    privileged: isPrivileged(record),
    correlation: { requestId: text(record, 'requestID'), groupId: text(record, 'sharedEventID') },
    labels: labelsOf(record),
    original: { format: 'aws.cloudtrail', version: text(record, 'eventVersion'), data: original },
  };
}
