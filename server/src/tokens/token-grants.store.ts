import {
  type PresentedProof,
  proofColumns,
  proofNames,
  proofOfAsked,
  unmetPolicy,
  type UnmetPolicy,
} from '../access/organization-policy.ts';
import type { OrganizationStatus } from '../access/organization-states.ts';
import type { Queryable } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { effectiveRoles, membershipsOf } from '../roles/effective-permissions.store.ts';

/** A request for an access token, for its lookup. */
export interface TokenRequestKey {
  readonly appId: string;
  readonly userId: string;
  /** The organization for `org_id`, if the caller asked for one. */
  readonly orgId: string | undefined;
  /** The authentication of the person in the session. */
  readonly proof: PresentedProof;
}

/** Current roles and permissions of a person in an organization. */
export interface TokenMembership {
  readonly orgId: string;
  readonly status: OrganizationStatus;
  readonly isOwner: boolean;
  readonly isManager: boolean;
  readonly roles: readonly string[];
  readonly permissions: readonly string[];
  /** The policy of the organization, if the session does not meet it. */
  readonly unmet: UnmetPolicy | null;
}

/** Data for issuing an access token. */
export interface TokenGrant {
  /** The allowed audiences of the app; null: none are stored. */
  readonly audiences: readonly string[] | null;
  readonly lifeSeconds: number | null;
  /** The key that signs now; null if the app has none yet. */
  readonly kid: string | null;
  /** Undefined: no organization was requested, or the person is not a member of it. */
  readonly membership: TokenMembership | undefined;
}

interface GrantRow {
  place: number;
  audiences: string[] | null;
  life: number | null;
  kid: string | null;
  org_id: string | null;
  status: OrganizationStatus;
  is_owner: boolean;
  is_manager: boolean;
  keys: string[];
  permissions: string[];
  unmet: UnmetPolicy | null;
}

const toMembership = (row: GrantRow): TokenMembership | undefined =>
  row.org_id === null
    ? undefined
    : {
        orgId: row.org_id,
        status: row.status,
        isOwner: row.is_owner,
        isManager: row.is_manager,
        roles: row.keys,
        permissions: row.permissions,
        unmet: row.unmet,
      };

/**
 * Reads settings, signing key and membership of these requests, in one query.
 *
 * @returns in the order of the keys; undefined if there is no such app
 */
export async function findTokenGrants(
  db: Queryable,
  keys: readonly TokenRequestKey[],
  now: Date,
): Promise<(TokenGrant | undefined)[]> {
  const rows = await db.query<GrantRow>(sql`
    SELECT asked.place::integer, a.settings -> 'audiences' AS audiences,
      (a.settings ->> 'accessTokenLifeSeconds')::integer AS life, k.kid, membership.*
    FROM unnest(${keys.map(({ appId }) => appId)}::bigint[], ${keys.map(({ userId }) => userId)}::bigint[],
      ${keys.map(({ orgId }) => orgId ?? null)}::bigint[],
      ${proofColumns(keys.map(({ proof }) => proof))})
      WITH ORDINALITY AS asked (app_id, user_id, org_id, ${proofNames}, place)
    JOIN apps a ON a.id = asked.app_id
    LEFT JOIN LATERAL (
      SELECT kid FROM oauth_signing_keys
      WHERE app_id = asked.app_id AND revoked_at IS NULL AND active_from <= ${now}
        AND (published_until IS NULL OR published_until > ${now})
      ORDER BY active_from DESC LIMIT 1
    ) AS k ON true
    LEFT JOIN LATERAL (
      SELECT o.id AS org_id, o.status, m.is_owner, m.is_manager, effective.keys, effective.permissions,
        ${unmetPolicy(sql`o.security`, proofOfAsked, now)} AS unmet
      FROM ${membershipsOf(sql`asked.app_id`)}
      LEFT JOIN LATERAL (${effectiveRoles(sql`asked.app_id`)}) AS effective ON true
      WHERE m.app_id = asked.app_id AND m.org_id = asked.org_id AND m.user_id = asked.user_id
      OFFSET 0
    ) AS membership ON true`);
  const found = new Map(rows.map((row) => [row.place, row]));
  return keys.map((_, index) => {
    const row = found.get(index + 1);
    return row && { audiences: row.audiences, lifeSeconds: row.life, kid: row.kid, membership: toMembership(row) };
  });
}
