import { listApps } from '../apps/apps.store.ts';
import type { Db } from '../db/db.ts';
import { listSealedMails } from '../email/mails.store.ts';
import { openContent } from '../email/queue-mail.ts';
import { openClientSecret } from '../identity-providers/client-secret.ts';
import { listSealedSecrets } from '../identity-providers/identity-providers.store.ts';
import { matchesDatabase } from '../keys/master-key-check.ts';
import type { Sealer } from '../keys/seal.ts';
import { openPrivateKey, publicationLeadMs } from '../keys/signing-keys.ts';
import { type KeySet, keySets, listSealedKeys, listSigningKeys, someKeySigns } from '../keys/signing-keys.store.ts';
import { fault, type Finding, warning } from './findings.ts';

/** A sealed value: its description, and the function that opens it. */
interface Sealed {
  readonly bytes: Uint8Array;
  readonly open: () => unknown;
}

const canOpen = ({ open }: Sealed): boolean => {
  try {
    open();
    return true;
  } catch {
    return false;
  }
};

function examineSealed(sealer: Sealer, noun: string, values: readonly Sealed[]): Finding[] {
  const readable = values.filter(canOpen);
  const lost = values.length - readable.length;
  const outdated = readable.filter(({ bytes }) => !sealer.isCurrent(bytes)).length;
  return [
    ...(lost > 0 ? [fault('keys', `${lost} of ${values.length} ${noun} cannot be decrypted with MASTER_KEY.`)] : []),
    ...(outdated > 0
      ? [warning('keys', `${outdated} ${noun} are encrypted under a key of MASTER_KEYS_OLD: run operate reseal.`)]
      : []),
  ];
}

async function sealedKeysOf(db: Db, sealer: Sealer, set: KeySet): Promise<Sealed[]> {
  return (await listSealedKeys(db, set)).map(({ appId, kid, sealed }) => ({
    bytes: sealed,
    open: () => openPrivateKey(sealer, appId, set, kid, sealed),
  }));
}

/** Checks that the configured master keys decrypt the stored values. */
export async function examineMasterKey(db: Db, sealer: Sealer): Promise<Finding[]> {
  if ((await matchesDatabase(db, sealer)) === false) {
    return [fault('keys', 'MASTER_KEY is not the key of this database. The service will not start.')];
  }
  const keys = (await Promise.all(keySets.map((set) => sealedKeysOf(db, sealer, set)))).flat();
  const secrets = (await listSealedSecrets(db)).map(({ appId, idpId, sealed }) => ({
    bytes: sealed,
    open: () => openClientSecret(sealer, appId, idpId, sealed),
  }));
  const mails = (await listSealedMails(db)).map((mail) => ({
    bytes: mail.sealedContent,
    open: () => openContent({ sealer }, mail),
  }));
  return [
    ...examineSealed(sealer, 'signing keys', keys),
    ...examineSealed(sealer, 'secrets of identity providers', secrets),
    ...examineSealed(sealer, 'mails', mails),
  ];
}

/**
 * Reports active apps without a current key for machine tokens, and keys whose start is later than the publication
 * lead. The first key of the set `oauth` is created when it is needed.
 */
export async function examineSigningKeys(db: Db, now: Date): Promise<Finding[]> {
  const apps = (await listApps(db)).filter(({ status }) => status === 'ACTIVE');
  const findings: Finding[] = [];
  const latestStart = now.getTime() + publicationLeadMs;
  for (const { id, name } of apps) {
    if (!(await someKeySigns(db, id, 'machine', now))) {
      const remedy = `run operate rotate-key ${name}`;
      findings.push(
        fault('keys', `The app ${name} has no current signing key: machine users get no tokens; ${remedy}.`),
      );
    }
    const keys = (await Promise.all(keySets.map((set) => listSigningKeys(db, id, set)))).flat();
    const late = keys.filter(({ activeFrom, revokedAt }) => !revokedAt && activeFrom.getTime() > latestStart);
    for (const { kid, activeFrom } of late) {
      const start = activeFrom.toISOString();
      findings.push(
        warning(
          'keys',
          `Key ${kid} of the app ${name} becomes active only at ${start}. The clock of the process that created the ` +
            `key was probably wrong.`,
        ),
      );
    }
  }
  return findings;
}
