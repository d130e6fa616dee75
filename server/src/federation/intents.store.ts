import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import type { AcrMapping } from '../identity-providers/acr-mapping.schema.ts';
import { isEmailTrusted } from '../identity-providers/identity-providers.store.ts';
import type { ProviderType } from '../identity-providers/provider-types.ts';

export type IntentStatus = 'created' | 'started' | 'returned' | 'succeeded' | 'failed';

/** A sign-in in progress through a provider, with the configuration of the provider. */
export interface Intent {
  readonly id: string;
  readonly appId: string;
  readonly appStatus: 'ACTIVE' | 'INACTIVE';
  readonly successUrl: string;
  readonly failureUrl: string;
  readonly status: IntentStatus;
  /** Whether the intent can only re-authenticate a session. */
  readonly reauthenticates: boolean;
  readonly browserHash: Buffer | null;
  readonly stateHash: Buffer | null;
  readonly sealedContent: Buffer | null;
  readonly expiresAt: Date;
  readonly provider: {
    readonly id: string;
    readonly type: ProviderType;
    readonly issuer: string;
    readonly clientId: string;
    readonly sealedClientSecret: Buffer;
    readonly scopes: readonly string[];
    readonly trustEmail: boolean;
    readonly acrMapping: AcrMapping;
    readonly enabled: boolean;
  };
}

interface IntentRow {
  id: string;
  app_id: string;
  app_status: 'ACTIVE' | 'INACTIVE';
  success_url: string;
  failure_url: string;
  status: IntentStatus;
  reauthenticates: boolean;
  browser_hash: Buffer | null;
  state_hash: Buffer | null;
  sealed_content: Buffer | null;
  expires_at: Date;
  idp_id: string;
  type: ProviderType;
  issuer: string;
  client_id: string;
  sealed_client_secret: Buffer;
  scopes: string[];
  trust_email: boolean;
  acr_mapping: AcrMapping;
  enabled: boolean;
}

const toIntent = (row: IntentRow): Intent => ({
  id: row.id,
  appId: row.app_id,
  appStatus: row.app_status,
  successUrl: row.success_url,
  failureUrl: row.failure_url,
  status: row.status,
  reauthenticates: row.reauthenticates,
  browserHash: row.browser_hash,
  stateHash: row.state_hash,
  sealedContent: row.sealed_content,
  expiresAt: row.expires_at,
  provider: {
    id: row.idp_id,
    type: row.type,
    issuer: row.issuer,
    clientId: row.client_id,
    sealedClientSecret: row.sealed_client_secret,
    scopes: row.scopes,
    trustEmail: row.trust_email,
    acrMapping: row.acr_mapping,
    enabled: row.enabled,
  },
});

export interface NewIntent {
  readonly id: string;
  readonly idpId: string;
  readonly successUrl: string;
  readonly failureUrl: string;
  readonly codeChallenge: string | null;
  readonly reauthenticates: boolean;
  readonly now: Date;
  readonly expiresAt: Date;
}

/** @returns whether the provider exists and is enabled */
export async function insertIntent(db: Queryable, appId: string, intent: NewIntent): Promise<boolean> {
  const rows = await db.query(sql`
    INSERT INTO idp_intents (app_id, id, idp_id, success_url, failure_url, code_challenge, reauthenticates, status,
      created_at, expires_at)
    SELECT p.app_id, ${intent.id}, p.id, ${intent.successUrl}::text, ${intent.failureUrl}::text,
      ${intent.codeChallenge}::text, ${intent.reauthenticates}::boolean, 'created', ${intent.now}::timestamptz,
        ${intent.expiresAt}::timestamptz
    FROM identity_providers p WHERE p.app_id = ${appId} AND p.id = ${intent.idpId} AND p.enabled
    RETURNING id`);
  return rows.length > 0;
}

/**
 * Finds an intent by its id alone, because a browser sends no app header. The row contains the app, which all further
 * queries use.
 */
export async function findIntent(db: Queryable, intentId: string): Promise<Intent | undefined> {
  const [row] = await db.query<IntentRow>(sql`
    SELECT i.id, i.app_id, a.status AS app_status, i.success_url, i.failure_url, i.status, i.reauthenticates,
      i.browser_hash,
      i.state_hash, i.sealed_content, i.expires_at, i.idp_id,
      p.type, p.issuer, p.client_id, p.sealed_client_secret, p.scopes,
      p.trust_email, p.acr_mapping, p.enabled
    FROM idp_intents i
    JOIN identity_providers p ON p.app_id = i.app_id AND p.id = i.idp_id
    JOIN apps a ON a.id = i.app_id
    WHERE i.id = ${intentId}`);
  return row && toIntent(row);
}

/** The name of the app of an intent. */
export async function findAppNameOfIntent(db: Queryable, intentId: string): Promise<string | undefined> {
  const [row] = await db.query<{ name: string }>(
    sql`SELECT a.name FROM idp_intents i JOIN apps a ON a.id = i.app_id WHERE i.id = ${intentId}`,
  );
  return row?.name;
}

/**
 * Starts the redirect to the provider. Binds the intent to the first browser that opens it. The same browser can start
 * again; only its newest attempt is valid.
 *
 * @returns whether the intent belongs to this browser and was not finished
 */
export async function startIntent(
  db: Queryable,
  appId: string,
  intentId: string,
  way: { browserHash: Buffer; stateHash: Buffer; sealedContent: Buffer },
  now: Date,
): Promise<boolean> {
  const rows = await db.query(sql`
    UPDATE idp_intents SET status = 'started', browser_hash = ${way.browserHash}, state_hash = ${way.stateHash},
      sealed_content = ${way.sealedContent}
    WHERE app_id = ${appId} AND id = ${intentId} AND status IN ('created', 'started') AND expires_at > ${now}
      AND (browser_hash IS NULL OR browser_hash = ${way.browserHash})
    RETURNING id`);
  return rows.length > 0;
}

/** Consumes the state parameter before any request to the provider. @returns whether the state was valid */
export async function takeState(
  db: Queryable,
  appId: string,
  intentId: string,
  stateHash: Buffer,
  now: Date,
): Promise<boolean> {
  const rows = await db.query(sql`
    UPDATE idp_intents SET status = 'returned', state_hash = NULL, sealed_content = NULL
    WHERE app_id = ${appId} AND id = ${intentId} AND status = 'started' AND state_hash = ${stateHash}
      AND expires_at > ${now}
    RETURNING id`);
  return rows.length > 0;
}

/** Stores the profile that the provider returned. */
export async function succeedIntent(
  db: Queryable,
  appId: string,
  intentId: string,
  outcome: { tokenHash: Buffer; sealedContent: Buffer },
): Promise<void> {
  await db.query(sql`
    UPDATE idp_intents SET status = 'succeeded', token_hash = ${outcome.tokenHash},
      sealed_content = ${outcome.sealedContent}
    WHERE app_id = ${appId} AND id = ${intentId} AND status = 'returned'`);
}

/** Marks the intent as failed. */
export async function failIntent(db: Queryable, appId: string, intentId: string): Promise<void> {
  await db.query(sql`
    UPDATE idp_intents SET status = 'failed', state_hash = NULL, sealed_content = NULL
    WHERE app_id = ${appId} AND id = ${intentId} AND status IN ('created', 'started', 'returned')`);
}

/** A redeemed intent. */
export interface RedeemedIntent {
  readonly idpId: string;
  readonly providerName: string;
  readonly codeChallenge: string | null;
  readonly sealedContent: Buffer;
  /** Whether the app currently trusts the e-mail claims of the provider. */
  readonly isEmailTrusted: boolean;
  /** The current mapping of the provider. */
  readonly acrMapping: AcrMapping;
}

/** Redeems an intent once, if token and purpose match and its provider is enabled. */
export async function takeIntent(
  tx: Tx,
  appId: string,
  intentId: string,
  shown: { tokenHash: Buffer; reauthenticates: boolean },
  now: Date,
): Promise<RedeemedIntent | undefined> {
  const [row] = await tx.query<{
    idp_id: string;
    name: string;
    code_challenge: string | null;
    sealed_content: Buffer;
    is_email_trusted: boolean;
    acr_mapping: AcrMapping;
  }>(sql`
    DELETE FROM idp_intents i USING identity_providers p
    WHERE i.app_id = ${appId} AND i.id = ${intentId} AND i.token_hash = ${shown.tokenHash} AND i.status = 'succeeded'
      AND i.reauthenticates = ${shown.reauthenticates}
      AND i.expires_at > ${now} AND p.app_id = ${appId} AND p.id = i.idp_id AND p.enabled
    RETURNING i.idp_id, p.name, i.code_challenge, i.sealed_content,
      ${isEmailTrusted} AS is_email_trusted, p.acr_mapping`);
  return (
    row && {
      idpId: row.idp_id,
      providerName: row.name,
      codeChallenge: row.code_challenge,
      sealedContent: row.sealed_content,
      isEmailTrusted: row.is_email_trusted,
      acrMapping: row.acr_mapping,
    }
  );
}

/** Deletes intents of all apps that expired before `before`, at most `limit`. @returns the number of deleted intents */
export async function deleteExpiredIntents(db: Queryable, before: Date, limit: number): Promise<number> {
  const rows = await db.query(sql`
    WITH expired AS MATERIALIZED (
      SELECT app_id, id FROM idp_intents WHERE expires_at <= ${before}
      ORDER BY expires_at LIMIT ${limit} FOR UPDATE SKIP LOCKED)
    DELETE FROM idp_intents i USING expired
    WHERE i.app_id = expired.app_id AND i.id = expired.id
    RETURNING i.id`);
  return rows.length;
}
