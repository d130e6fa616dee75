import type { Actor } from '../access/actor.ts';
import { type StoredPolicy, unmetBy, type UnmetPolicy } from '../access/organization-policy.ts';
import type { Sql, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { ApiError } from '../http/errors.ts';
import type { OrganizationSecurity } from './security.schema.ts';

/** The policy of an organization that has none. */
const defaultSecurity: OrganizationSecurity = {
  mfa: 'optional',
  allowedFactors: null,
  maxSessionHours: null,
  rememberDays: 0,
  signInMethods: null,
};

/** The whole policy. `rememberDays` 0: remembered devices never replace the second factor. */
export const toSecurity = (stored: StoredPolicy | null): OrganizationSecurity => ({
  ...defaultSecurity,
  ...stored,
  allowedFactors: stored?.allowedFactors ? [...stored.allowedFactors] : null,
  signInMethods: stored?.signInMethods ? [...stored.signInMethods] : null,
});

/** The policy as stored: without defaults; null if there is none, so that statements need not evaluate it. */
export function toStoredPolicy(security: OrganizationSecurity) {
  const { mfa, allowedFactors, maxSessionHours, rememberDays, signInMethods } = security;
  const stored: StoredPolicy = {
    ...(mfa === 'required' && { mfa }),
    ...(allowedFactors && { allowedFactors }),
    ...(maxSessionHours !== null && { maxSessionHours }),
    ...(rememberDays > 0 && { rememberDays }),
    ...(signInMethods && { signInMethods }),
  };
  return Object.keys(stored).length === 0 ? null : stored;
}

/** An organization, locked for a change of its policy. */
interface LockedSecurity {
  readonly name: string;
  readonly version: string;
  readonly security: StoredPolicy | null;
  /** The policy, if the session of the caller does not meet it. */
  readonly unmet: UnmetPolicy | null;
}

/**
 * Locks an organization until the transaction ends, and reads its policy.
 *
 * @throws ApiError `organization_not_found`
 */
export async function lockSecurity(
  tx: Tx,
  appId: string,
  orgId: string,
  actor: Actor,
  now: Date,
): Promise<LockedSecurity> {
  const [row] = await tx.query<LockedSecurity>(sql`
    SELECT o.name, o.version, o.security, ${unmetBy(actor, now)} AS unmet
    FROM organizations o WHERE o.app_id = ${appId} AND o.id = ${orgId} FOR NO KEY UPDATE`);
  if (!row) throw new ApiError('organization_not_found');
  return row;
}

/**
 * Stores the policy of a locked organization, if the session of the caller meets it.
 *
 * @returns the new version; undefined if the session does not meet the policy
 */
export async function storeSecurity(
  tx: Tx,
  appId: string,
  orgId: string,
  change: { policy: StoredPolicy | null; actor: Actor; now: Date },
): Promise<string | undefined> {
  const { policy, actor, now } = change;
  const stored = sql`${policy === null ? null : JSON.stringify(policy)}::jsonb`;
  const [row] = await tx.query<{ version: string }>(sql`
    UPDATE organizations SET security = ${stored}, version = version + 1, updated_at = ${now}
    WHERE app_id = ${appId} AND id = ${orgId} AND ${unmetBy(actor, now, stored)} IS NULL
    RETURNING version`);
  return row?.version;
}

/** Columns of the GET of a policy. */
export interface SecurityRow {
  security: StoredPolicy | null;
  version: string;
}

/** The columns of a {@link SecurityRow}, for `readOrganization`. */
export const securityColumns: Sql = sql`, o.security, o.version`;
