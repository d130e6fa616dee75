import { type SettingsPatch, type Settings } from '../apps/apps.schema.ts';
import { withDefaults } from '../apps/apps.store.ts';
import type { LogoBackground } from '../branding/branding.schema.ts';
import type { Queryable, Sql, Tx } from '../db/db.ts';
import { empty, sql } from '../db/db.ts';
import type { MailPurpose } from '../mail-texts/mail-purposes.ts';

/** A mail in the outbox, with sealed content and the settings for its branding. */
export interface StoredMail {
  readonly appId: string;
  readonly id: string;
  readonly userId: string;
  readonly recipient: string;
  readonly purpose: MailPurpose;
  readonly sealedContent: Buffer;
  readonly createdAt: Date;
  readonly app: {
    readonly name: string;
    readonly displayName: string;
    readonly isActive: boolean;
    readonly settings: Settings;
    /** SHA-256 of the stored logo. */
    readonly logoHash: Buffer | null;
    readonly logoBackground: LogoBackground | null;
  };
  /** Language that the user chose, or null. */
  readonly language: string | null;
}

export interface MailRow {
  app_id: string;
  id: string;
  user_id: string;
  recipient: string;
  purpose: MailPurpose;
  sealed_content: Buffer;
  created_at: Date;
  app_name: string;
  display_name: string;
  status: string;
  settings: SettingsPatch;
  language: string | null;
  logo_hash: Buffer | null;
  logo_background: LogoBackground | null;
}

/** The columns of a mail `m` with its app `a`, the branding `b` of the app, and user `u`. */
export const mailColumns = sql`
  m.app_id, m.id, m.user_id, m.recipient, m.purpose, m.sealed_content, m.created_at,
  a.name AS app_name, a.display_name, a.status, a.settings, u.language, b.logo_hash,
  b.look ->> 'logoBackground' AS logo_background`;

export const toStoredMail = (row: MailRow): StoredMail => ({
  appId: row.app_id,
  id: row.id,
  userId: row.user_id,
  recipient: row.recipient,
  purpose: row.purpose,
  sealedContent: row.sealed_content,
  createdAt: row.created_at,
  app: {
    name: row.app_name,
    displayName: row.display_name,
    isActive: row.status === 'ACTIVE',
    settings: withDefaults(row.settings),
    logoHash: row.logo_hash,
    logoBackground: row.logo_background,
  },
  language: row.language,
});

export interface NewMail {
  readonly id: string;
  readonly userId: string;
  readonly recipient: string;
  readonly purpose: MailPurpose;
  readonly sealedContent: Buffer;
  /** The invitation that the mail is about. */
  readonly invitationId?: string | undefined;
  /** The organization that a notice to its owners is about. */
  readonly orgId?: string | undefined;
  readonly now: Date;
  /** When to send the mail: now, or later if the mailbox has reached its limit. */
  readonly dueAt: Date;
  readonly giveUpAt: Date;
}

/**
 * The statement that queues a mail.
 *
 * @param source empty, or a FROM clause that yields one row if the mail is to be queued
 */
export const insertMail = (appId: string, mail: NewMail, source: Sql): Sql => sql`
  INSERT INTO mails (app_id, id, user_id, recipient, purpose, sealed_content, invitation_id, org_id, created_at, state,
    due_at, give_up_at)
  SELECT ${appId}::bigint, ${mail.id}::bigint, ${mail.userId}::bigint, ${mail.recipient}::text, ${mail.purpose}::text,
    ${mail.sealedContent}::bytea, ${mail.invitationId ?? null}::bigint, ${mail.orgId ?? null}::bigint,
    ${mail.now}::timestamptz, 'QUEUED',
    ${mail.dueAt}::timestamptz, ${mail.giveUpAt}::timestamptz
  ${source}`;

/**
 * Condition on a mail `m`: it waits because its mailbox has reached its limit, not because an attempt to send it
 * failed.
 */
export const isDelayed = (now: Date): Sql => sql`(m.state = 'QUEUED' AND m.attempts = 0 AND m.due_at > ${now})`;

/**
 * Voids the delayed mails that a newer one replaces: mails about the same invitation or, without an invitation, of the
 * same purpose to the same user about the same organization.
 *
 * @returns when the first of them was due; undefined if none waits
 */
export async function voidWaitingMails(
  tx: Tx,
  appId: string,
  { userId, purpose, invitationId, orgId }: Pick<NewMail, 'userId' | 'purpose' | 'invitationId' | 'orgId'>,
  now: Date,
): Promise<Date | undefined> {
  const same =
    invitationId === undefined
      ? sql`m.user_id = ${userId} AND m.org_id IS NOT DISTINCT FROM ${orgId ?? null}::bigint`
      : sql`m.invitation_id = ${invitationId}`;
  const [row] = await tx.query<{ due_at: Date | null }>(sql`
    WITH voided AS (
      UPDATE mails m SET state = 'VOID', settled_at = ${now}, sealed_content = NULL
      WHERE m.app_id = ${appId} AND ${same} AND m.purpose = ${purpose} AND ${isDelayed(now)}
      RETURNING m.due_at)
    SELECT min(due_at) AS due_at FROM voided`);
  return row?.due_at ?? undefined;
}

/** Whether a mail of this purpose was sent to a user since then. Rows of sent mails are kept for two days. */
export async function mailedSince(
  db: Queryable,
  appId: string,
  userId: string,
  purpose: MailPurpose,
  since: Date,
): Promise<boolean> {
  const rows = await db.query(sql`
    SELECT 1 FROM mails
    WHERE app_id = ${appId} AND user_id = ${userId} AND purpose = ${purpose} AND created_at > ${since} LIMIT 1`);
  return rows.length > 0;
}

/** The newest mails of all apps of the deployment that are not delayed, for the development mailbox. */
export async function newestMails(
  db: Queryable,
  {
    to,
    purpose,
    id,
    limit,
    now,
  }: { to?: string | undefined; purpose?: string | undefined; id?: string | undefined; limit: number; now: Date },
): Promise<StoredMail[]> {
  const rows = await db.query<MailRow>(sql`
    SELECT ${mailColumns} FROM mails m
    JOIN apps a ON a.id = m.app_id LEFT JOIN app_branding b ON b.app_id = m.app_id
    JOIN users u ON u.app_id = m.app_id AND u.id = m.user_id
    WHERE m.sealed_content IS NOT NULL AND NOT ${isDelayed(now)}
      ${to === undefined ? empty : sql`AND m.recipient = ${to}`}
      ${purpose === undefined ? empty : sql`AND m.purpose = ${purpose}`}
      ${id === undefined ? empty : sql`AND m.id = ${id}`}
    ORDER BY m.id DESC LIMIT ${limit}`);
  return rows.map(toStoredMail);
}

/** All sealed mail contents of the deployment. */
export async function listSealedMails(db: Queryable): Promise<Pick<StoredMail, 'appId' | 'id' | 'sealedContent'>[]> {
  const rows = await db.query<Pick<MailRow, 'app_id' | 'id' | 'sealed_content'>>(sql`
    SELECT app_id, id, sealed_content FROM mails WHERE sealed_content IS NOT NULL ORDER BY app_id, id`);
  return rows.map((row) => ({ appId: row.app_id, id: row.id, sealedContent: row.sealed_content }));
}

export async function replaceSealedMail(tx: Tx, appId: string, mailId: string, sealed: Buffer): Promise<void> {
  await tx.query(sql`
    UPDATE mails SET sealed_content = ${sealed}
    WHERE app_id = ${appId} AND id = ${mailId} AND sealed_content IS NOT NULL`);
}
