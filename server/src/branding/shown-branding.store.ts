import { type Queryable, type Sql, sql } from '../db/db.ts';
import {
  type BrandedApp,
  brandedAppNamed,
  brandedColumns,
  type BrandedRow,
  type LogoReference,
  toBrandedApp,
  toLogoReference,
} from './branding.store.ts';
import type { OrganizationLook } from './organization-branding.schema.ts';
import { toOrganizationLook } from './organization-branding.store.ts';

/** The branding of an organization. */
export interface OrganizationWithBranding {
  readonly id: string;
  readonly name: string;
  readonly look: OrganizationLook;
  /** Whether the name, texts and links of the organization may be shown. */
  readonly textsAllowed: boolean;
  readonly logo: LogoReference | undefined;
}

interface OrganizationRow {
  org_id: string;
  org_name: string;
  org_look: Partial<OrganizationLook>;
  texts_allowed: boolean;
  org_logo_hash: Buffer | null;
  org_logo_width: number;
  org_logo_height: number;
}

/** The columns of an {@link OrganizationRow}, of an organization `o` and its branding `ob`. */
const organizationColumns = sql`o.id AS org_id, o.name AS org_name, ob.look AS org_look, ob.texts_allowed,
  ob.logo_hash AS org_logo_hash, ob.logo_width AS org_logo_width, ob.logo_height AS org_logo_height`;

/** The branding of an active organization `o` of the app `a`, if the app shows branding of organizations. */
const shownBranding = (orgId: string): Sql => sql`
  organizations o JOIN organization_branding ob ON ob.app_id = o.app_id AND ob.org_id = o.id
  WHERE o.app_id = a.id AND o.id = ${orgId} AND o.status = 'Active'
    AND a.settings -> 'organizationBranding' = 'true'`;

const toOrganizationWithBranding = (row: OrganizationRow): OrganizationWithBranding => ({
  id: row.org_id,
  name: row.org_name,
  look: toOrganizationLook(row.org_look),
  textsAllowed: row.texts_allowed,
  logo: toLogoReference({
    logo_hash: row.org_logo_hash,
    logo_width: row.org_logo_width,
    logo_height: row.org_logo_height,
  }),
});

/** The branding of an active organization, if the app shows branding of organizations. */
export async function findOrganizationWithBranding(
  db: Queryable,
  appId: string,
  orgId: string,
): Promise<OrganizationWithBranding | undefined> {
  const [row] = await db.query<OrganizationRow>(sql`
    SELECT of_organization.* FROM apps a
    CROSS JOIN LATERAL (SELECT ${organizationColumns} FROM ${shownBranding(orgId)}) AS of_organization
    WHERE a.id = ${appId}`);
  return row && toOrganizationWithBranding(row);
}

export async function findOrganizationName(db: Queryable, appId: string, orgId: string): Promise<string> {
  const [row] = await db.query<{ name: string }>(
    sql`SELECT name FROM organizations WHERE app_id = ${appId} AND id = ${orgId}`,
  );
  return row?.name ?? '';
}

/**
 * The organization, and the session or invited address with which a browser may see its branding. The code is compared
 * later.
 */
export interface Presented {
  readonly orgId: string;
  /** Hash of the session token. */
  readonly tokenHash: Buffer | undefined;
  /** Key of the address of an invitation. */
  readonly invitedKey: string | undefined;
  readonly now: Date;
}

/** A code of an invitation to the organization, for the comparison with the presented code. */
export interface InvitationCode {
  readonly userId: string;
  readonly longHash: Buffer;
}

/** An app, and the branding of an organization with the reasons to show it. */
export interface PossibleBranding extends BrandedApp {
  readonly organization:
    | (OrganizationWithBranding & { readonly isMember: boolean; readonly codes: readonly InvitationCode[] })
    | undefined;
}

const isMember = ({ tokenHash, orgId, now }: Presented): Sql =>
  tokenHash === undefined
    ? sql`false`
    : sql`EXISTS (
        SELECT FROM sessions s
        JOIN users u ON u.app_id = s.app_id AND u.id = s.user_id AND u.state = 'ACTIVE'
        JOIN members m ON m.app_id = s.app_id AND m.org_id = ${orgId} AND m.user_id = s.user_id
        WHERE s.app_id = a.id AND s.token_hash = ${tokenHash} AND LEAST(s.expires_at, s.idle_expires_at) > ${now})`;

const codesOf = ({ invitedKey, orgId, now }: Presented): Sql =>
  invitedKey === undefined
    ? sql`NULL`
    : sql`(
        SELECT json_agg(json_build_object('userId', c.user_id::text, 'hash', encode(c.long_hash, 'hex')))
        FROM users u JOIN codes c ON c.app_id = u.app_id AND c.user_id = u.id
        WHERE u.app_id = a.id AND u.email_key = ${invitedKey} AND c.purpose = 'invitation' AND c.org_id = ${orgId}
          AND c.long_hash IS NOT NULL AND c.expires_at > ${now})`;

/** Reads the branding of an app and of an organization, with the reasons to show it, with one statement. */
export async function findPossibleBranding(
  db: Queryable,
  appName: string,
  presented: Presented,
): Promise<PossibleBranding | undefined> {
  type Reasons = { is_member: boolean | null; codes: { userId: string; hash: string }[] | null };
  const [row] = await db.query<BrandedRow & (OrganizationRow | { org_id: null }) & Reasons>(sql`
    SELECT ${brandedColumns}, of_organization.* FROM ${brandedAppNamed(appName)}
    LEFT JOIN LATERAL (
      SELECT ${organizationColumns}, ${isMember(presented)} AS is_member, ${codesOf(presented)} AS codes
      FROM ${shownBranding(presented.orgId)}) AS of_organization ON true`);
  if (!row) return undefined;
  if (row.org_id === null) return { ...toBrandedApp(row), organization: undefined };
  const codes = (row.codes ?? []).map(({ userId, hash }) => ({ userId, longHash: Buffer.from(hash, 'hex') }));
  const organization = { ...toOrganizationWithBranding(row), isMember: row.is_member === true, codes };
  return { ...toBrandedApp(row), organization };
}
