import { ApiError } from '../http/errors.ts';
import { newSecret, sha256 } from '../keys/secrets.ts';
import type { Services } from '../calls/services.ts';

/** Maximum number of secrets of one machine user. */
export const secretLimit = 5;
/** RFC 3339 cannot express a later time. */
const latestTime = Date.UTC(9999, 11, 31);

/**
 * Creates a secret, and the row that is stored for this secret.
 *
 * @param prefix says whether the machine user belongs to the app or to an organization
 */
export function makeSecret(
  services: Pick<Services, 'ids' | 'clock'>,
  prefix: 'gh_m_' | 'gh_o_',
  options: { label?: string | undefined; expiresAt?: Date | undefined } = {},
) {
  const clientSecret = newSecret(prefix);
  const stored = {
    id: services.ids.next(),
    label: options.label ?? null,
    secretHash: sha256(clientSecret),
    now: services.clock.now(),
    expiresAt: expiryOf(options.expiresAt, services.clock.now()) ?? null,
  };
  return { clientSecret, stored };
}

/** @throws ApiError `validation_failed` if the time is not in the future */
function expiryOf(expiry: Date | undefined, now: Date): Date | undefined {
  if (expiry === undefined) return undefined;
  if (expiry > now && expiry.getTime() <= latestTime) return expiry;
  throw new ApiError('validation_failed', {
    faults: [{ pointer: '/body/expiresAt', message: 'Must be in the future, before the year 10000.' }],
  });
}

/** The response to the creation of a further secret. */
export const toCreatedSecret = ({ clientSecret, stored }: ReturnType<typeof makeSecret>) => ({
  secretId: stored.id,
  clientSecret,
  ...(stored.label !== null && { label: stored.label }),
  ...(stored.expiresAt && { expiresAt: stored.expiresAt.toISOString() }),
});
