import { nodeVerifyEd25519 } from '@tallystick/core/ed25519-node';
import { decodeUtf8 } from '@tallystick/core/encoding';
import { CoreError } from '@tallystick/core/errors';
import type { Policy } from '@tallystick/core/policy';
import { checkProof } from '@tallystick/core/proof';
import { type Context, deploymentOf } from '../context.ts';
import type { Deployment } from '../deployment.ts';
import { CliError } from '../errors.ts';
import { namedPolicy } from '../named-policy.ts';
import { namedVkey } from '../named-vkey.ts';
import { readProofFile } from '../proof-file.ts';
import { proofAsJson, proofInWords } from '../proof-words.ts';

export interface CheckProofFlags {
  readonly policy?: string;
  readonly rootKey?: string;
  readonly json?: boolean;
}

const maxPolicyBytes = 1 << 20;

/** Offline: from the file, the keys and the policy alone. Exit 0 verified, 1 the proof fails, 2 usage or configuration. */
export function checkProofCommand(context: Context, flags: CheckProofFlags, [file = '']: readonly string[]): number {
  const deployment = deploymentOf(context);
  const rootKey = flags.rootKey === undefined ? deployment.rootKey : namedVkey(context, flags.rootKey, '--root-key');
  const policy = policyOf(deployment, flags.policy);
  const bytes = readProofFile(file);
  if (bytes.length === 0)
    throw new CliError('PROOF_FILE', `${file === '-' ? 'standard input' : file} is empty: there is no proof to check`);
  try {
    const proof = checkProof(decodeUtf8(bytes), { rootKey, policy, verify: nodeVerifyEd25519 });
    if (flags.json === true)
      context.out(JSON.stringify({ version: 1, verified: true, exitCode: 0, ...proofAsJson(proof) }));
    else for (const line of proofInWords(proof)) context.out(line);
    return 0;
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    const { code, message } = error;
    const finding = code === 'PROOF_QUORUM' ? 'quorum' : 'proof';
    if (flags.json === true)
      context.out(JSON.stringify({ version: 1, verified: false, exitCode: 1, finding, error: { code, message } }));
    else context.out(`NOT VERIFIED (${finding}): ${message} [${code}]`);
    return 1;
  }
}

/** @throws CliError CONFIG_…; CoreError POLICY_MALFORMED */
function policyOf({ policyFile }: Deployment, given: string | undefined): Policy {
  const file = given ?? policyFile;
  if (file === null)
    throw new CliError('CONFIG_MISSING', 'no policy is given: name a file with --policy, or set log.policyFile');
  const setting = given === undefined ? 'log.policyFile' : '--policy';
  const policy = namedPolicy(file, setting, maxPolicyBytes);
  if (policy.logs.length === 0)
    throw new CliError(
      'CONFIG_INVALID',
      `${setting}: ${file} has no "log" line, so it says nothing of whose checkpoints to trust`,
    );
  return policy;
}
