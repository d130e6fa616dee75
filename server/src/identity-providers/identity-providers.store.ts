import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { setIf, setList } from '../db/set-list.ts';
import { ApiError } from '../http/errors.ts';
import type { AcrMapping } from './acr-mapping.schema.ts';
import type { ProviderPatch } from './identity-providers.schema.ts';
import type { ProviderType } from './provider-types.ts';

/** Stored identity providers of an app. */
export interface IdentityProvider {
  readonly id: string;
  readonly type: ProviderType;
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly scopes: readonly string[];
  readonly trustEmail: boolean;
  readonly acrMapping: AcrMapping;
  readonly enabled: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export interface IdentityProviderRow {
  id: string;
  type: ProviderType;
  name: string;
  issuer: string;
  client_id: string;
  scopes: string[];
  trust_email: boolean;
  acr_mapping: AcrMapping;
  enabled: boolean;
  created_at: Date;
  updated_at: Date;
}

/**
 * Whether an address that provider `p` verified at a sign-in counts: always for these types, for other types only while
 * the app trusts the provider.
 */
export const isEmailTrusted = sql`(p.type IN ('google', 'azure') OR p.trust_email)`;

const columns = sql`id, type, name, issuer, client_id, scopes, trust_email, acr_mapping, enabled, created_at,
  updated_at`;

export const toProvider = (row: IdentityProviderRow): IdentityProvider => ({
  id: row.id,
  type: row.type,
  name: row.name,
  issuer: row.issuer,
  clientId: row.client_id,
  scopes: row.scopes,
  trustEmail: row.trust_email,
  acrMapping: row.acr_mapping,
  enabled: row.enabled,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** The providers of an app, oldest first. */
export async function listProviders(db: Queryable, appId: string): Promise<IdentityProvider[]> {
  const rows = await db.query<IdentityProviderRow>(
    sql`SELECT ${columns} FROM identity_providers WHERE app_id = ${appId} ORDER BY id`,
  );
  return rows.map(toProvider);
}

/** Locks the provider until the transaction ends. @throws ApiError `idp_not_found` */
export async function lockProvider(tx: Tx, appId: string, idpId: string): Promise<IdentityProvider> {
  const [row] = await tx.query<IdentityProviderRow>(
    sql`SELECT ${columns} FROM identity_providers WHERE app_id = ${appId} AND id = ${idpId} FOR NO KEY UPDATE`,
  );
  if (!row) throw new ApiError('idp_not_found');
  return toProvider(row);
}

export async function countProviders(tx: Tx, appId: string): Promise<number> {
  const [row] = await tx.query<{ count: string }>(sql`SELECT count(*) FROM identity_providers WHERE app_id = ${appId}`);
  return Number(row?.count ?? 0);
}

export async function insertProvider(
  tx: Tx,
  appId: string,
  provider: Omit<IdentityProvider, 'createdAt' | 'updatedAt' | 'enabled'> & { sealedClientSecret: Buffer; now: Date },
): Promise<void> {
  await tx.query(sql`
    INSERT INTO identity_providers (app_id, id, type, name, issuer, client_id, sealed_client_secret, scopes,
      trust_email, acr_mapping, enabled, created_at, updated_at)
    VALUES (${appId}, ${provider.id}, ${provider.type}, ${provider.name}, ${provider.issuer}, ${provider.clientId},
      ${provider.sealedClientSecret}, ${[...provider.scopes]}, ${provider.trustEmail},
      ${JSON.stringify(provider.acrMapping)}::jsonb, true, ${provider.now}, ${provider.now})`);
}

/** Changes to a provider in stored form, with the secret sealed. */
type StoredPatch = Omit<ProviderPatch, 'clientSecret'> & { readonly sealedClientSecret: Buffer | undefined };

/** @throws ApiError `idp_not_found` */
export async function patchProvider(
  tx: Tx,
  appId: string,
  idpId: string,
  patch: StoredPatch,
  now: Date,
): Promise<IdentityProvider> {
  const changes = setList(patch, {
    name: (name) => setIf(sql`name`, name),
    clientId: (clientId) => setIf(sql`client_id`, clientId),
    sealedClientSecret: (sealed) => setIf(sql`sealed_client_secret`, sealed),
    enabled: (enabled) => setIf(sql`enabled`, enabled),
    trustEmail: (trustEmail) => setIf(sql`trust_email`, trustEmail),
    acrMapping: (mapping) => setIf(sql`acr_mapping`, mapping && JSON.stringify(mapping)),
  });
  const [row] = await tx.query<IdentityProviderRow>(sql`
    UPDATE identity_providers SET ${changes}, updated_at = ${now}
    WHERE app_id = ${appId} AND id = ${idpId}
    RETURNING ${columns}`);
  if (!row) throw new ApiError('idp_not_found');
  return toProvider(row);
}

/** Deletes a provider with its identities. @throws ApiError `idp_not_found` */
export async function deleteProvider(tx: Tx, appId: string, idpId: string): Promise<void> {
  const rows = await tx.query(
    sql`DELETE FROM identity_providers WHERE app_id = ${appId} AND id = ${idpId} RETURNING id`,
  );
  if (rows.length === 0) throw new ApiError('idp_not_found');
}

/** Every sealed client secret of the deployment, for a change of the master key. */
export async function listSealedSecrets(db: Queryable): Promise<{ appId: string; idpId: string; sealed: Buffer }[]> {
  const rows = await db.query<{ app_id: string; id: string; sealed_client_secret: Buffer }>(
    sql`SELECT app_id, id, sealed_client_secret FROM identity_providers ORDER BY app_id, id`,
  );
  return rows.map((row) => ({ appId: row.app_id, idpId: row.id, sealed: row.sealed_client_secret }));
}

export async function replaceSealedSecret(tx: Tx, appId: string, idpId: string, sealed: Buffer): Promise<void> {
  await tx.query(sql`
    UPDATE identity_providers SET sealed_client_secret = ${sealed} WHERE app_id = ${appId} AND id = ${idpId}`);
}
