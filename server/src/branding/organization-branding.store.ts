import { type Sql, sql, type Tx } from '../db/db.ts';
import { defaultLook } from './branding.store.ts';
import type {
  OrganizationBranding,
  OrganizationBrandingPatch,
  OrganizationLook,
} from './organization-branding.schema.ts';

const { methods: _, ...inherited } = defaultLook;
const defaultOrganizationLook: OrganizationLook = { name: null, primaryColor: null, ...inherited };

interface StoredBranding {
  readonly look: Partial<OrganizationLook>;
  readonly textsAllowed: boolean;
}

/** Columns of the GET of a branding. */
export interface BrandingRow {
  branding: StoredBranding | null;
  version: string;
}

/** The columns of a {@link BrandingRow}, for `readOrganization`. */
export const brandingColumns: Sql = sql`,
  (SELECT jsonb_build_object('look', b.look, 'textsAllowed', b.texts_allowed) FROM organization_branding b
   WHERE b.app_id = o.app_id AND b.org_id = o.id) AS branding, o.version`;

export const toOrganizationLook = (stored: Partial<OrganizationLook>): OrganizationLook => ({
  ...defaultOrganizationLook,
  ...stored,
});

/** @param stored null: the organization has set nothing */
export const toOrganizationBranding = (stored: StoredBranding | null): OrganizationBranding => ({
  ...toOrganizationLook(stored?.look ?? {}),
  textsAllowed: stored?.textsAllowed ?? false,
});

/** Changes the branding of a locked organization. @returns the changed branding */
export async function patchOrganizationBranding(
  tx: Tx,
  appId: string,
  { orgId, now }: { orgId: string; now: Date },
  { textsAllowed, ...look }: OrganizationBrandingPatch,
): Promise<OrganizationBranding> {
  const change = JSON.stringify(look);
  const [row] = await tx.query<StoredBranding>(sql`
    INSERT INTO organization_branding AS b (app_id, org_id, look, texts_allowed, updated_at)
    VALUES (${appId}, ${orgId}, jsonb_strip_nulls(${change}::jsonb), ${textsAllowed ?? false}, ${now})
    ON CONFLICT (app_id, org_id) DO UPDATE
    SET look = jsonb_strip_nulls(b.look || ${change}::jsonb),
      texts_allowed = COALESCE(${textsAllowed ?? null}::boolean, b.texts_allowed), updated_at = ${now}
    RETURNING look, texts_allowed AS "textsAllowed"`);
  return toOrganizationBranding(row ?? null);
}
