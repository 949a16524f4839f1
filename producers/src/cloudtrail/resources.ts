import type { Resource } from '@tallystick/schemas/audit-event';
import { member, objects, text } from './shape.ts';
import type { Json } from './shape.ts';

/** Request parameters that name what is acted on, the most telling first, with the kind of thing that they name. */
const parameters: readonly (readonly [parameter: string, type: string])[] = [
  ['resourceArn', 'resource'],
  ['bucketName', 's3-bucket'],
  ['instanceId', 'ec2-instance'],
  ['policyArn', 'iam-policy'],
  ['roleArn', 'iam-role'],
  ['roleName', 'iam-role'],
  ['userName', 'iam-user'],
  ['groupName', 'group'],
  ['accessKeyId', 'access-key'],
  ['functionName', 'lambda-function'],
  ['secretId', 'secret'],
  ['keyId', 'kms-key'],
  ['trailName', 'cloudtrail-trail'],
  ['topicArn', 'sns-topic'],
  ['queueUrl', 'sqs-queue'],
  ['tableName', 'table'],
  ['dBInstanceIdentifier', 'rds-instance'],
  ['dBSnapshotIdentifier', 'rds-snapshot'],
  ['snapshotId', 'ebs-snapshot'],
  ['volumeId', 'ebs-volume'],
  ['imageId', 'ec2-image'],
  ['groupId', 'security-group'],
  ['stackName', 'stack'],
  ['repositoryName', 'repository'],
  ['clusterName', 'cluster'],
  ['modelId', 'model'],
  ['target', 'target'],
  ['name', 'named'],
];

const most = 50;

/** Things that a request lists: EC2's sets, the list of the Systems Manager. */
function itemsOf(request: Json): Resource[] {
  const items = objects(member(request, 'instancesSet'), 'items');
  const listed = request['instanceIds'];
  const instances = [...items.map((item) => text(item, 'instanceId')), ...(Array.isArray(listed) ? listed : [])];
  return [
    ...instances.filter((id) => typeof id === 'string' && id !== '').map((id) => ({ type: 'ec2-instance', id })),
    ...items.flatMap((item) => {
      const id = text(item, 'imageId');
      return id === null ? [] : [{ type: 'ec2-image', id }];
    }),
  ];
}

/** What a refusal says it was about: a refused record often has no request. */
function refusedOf(record: Json): Resource[] {
  const id = / on resource: (arn:[^\s,]+)/.exec(text(record, 'errorMessage') ?? '')?.[1];
  return id === undefined ? [] : [{ type: 'resource', id }];
}

/** What was acted on: what the record lists, else what its request names, else what its refusal names. At most 50. */
export function resourcesOf(record: Json): Resource[] {
  const listed = objects(record, 'resources').flatMap((resource) => {
    const id = text(resource, 'ARN') ?? text(resource, 'arn') ?? text(resource, 'ARNPrefix');
    return id === null ? [] : [{ type: text(resource, 'type'), id, account: text(resource, 'accountId') }];
  });
  if (listed.length > 0) return listed.slice(0, most);
  const request = member(record, 'requestParameters');
  const named = parameters.flatMap(([parameter, type]) => {
    const id = text(request, parameter);
    return id === null
      ? []
      : [
          {
            type,
            id:
              parameter === 'bucketName' && text(request, 'key') !== null ? `${id}/${text(request, 'key') ?? ''}` : id,
          },
        ];
  });
  const asked = [...named, ...itemsOf(request)];
  return (asked.length > 0 ? asked : refusedOf(record)).slice(0, most);
}
