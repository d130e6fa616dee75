import type { Queryable, Tx } from '../db/db.ts';
import { sql } from '../db/db.ts';
import type { MailPurpose } from './mail-purposes.ts';

/** A mail in the outbox, its content still sealed. */
export interface StoredMail {
  readonly appId: string;
  readonly id: string;
  readonly recipient: string;
  readonly purpose: MailPurpose;
  readonly sealedContent: Buffer;
  readonly createdAt: Date;
  readonly appDisplayName: string;
}

export async function insertMail(
  tx: Tx,
  appId: string,
  mail: { id: string; userId: string; recipient: string; purpose: MailPurpose; sealedContent: Buffer; now: Date },
): Promise<void> {
  await tx.query(sql`
    INSERT INTO mails (app_id, id, user_id, recipient, purpose, sealed_content, created_at)
    VALUES (${appId}, ${mail.id}, ${mail.userId}, ${mail.recipient}, ${mail.purpose}, ${mail.sealedContent}, ${mail.now})`);
}

/** Whether a user got a mail of this purpose since then. */
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

/** The newest mails of all apps of the deployment, for the development mailbox. */
export async function newestMails(db: Queryable, to: string | undefined, limit: number): Promise<StoredMail[]> {
  const rows = await db.query<{
    app_id: string;
    id: string;
    recipient: string;
    purpose: MailPurpose;
    sealed_content: Buffer;
    created_at: Date;
    display_name: string;
  }>(sql`
    SELECT m.app_id, m.id, m.recipient, m.purpose, m.sealed_content, m.created_at, a.display_name
    FROM mails m JOIN apps a ON a.id = m.app_id
    WHERE ${to ?? null}::text IS NULL OR m.recipient = ${to ?? null}
    ORDER BY m.id DESC LIMIT ${limit}`);
  return rows.map((row) => ({
    appId: row.app_id,
    id: row.id,
    recipient: row.recipient,
    purpose: row.purpose,
    sealedContent: row.sealed_content,
    createdAt: row.created_at,
    appDisplayName: row.display_name,
  }));
}

/** What is sealed in the outbox, of the whole deployment. */
export async function listSealedMails(db: Queryable): Promise<Pick<StoredMail, 'appId' | 'id' | 'sealedContent'>[]> {
  const rows = await db.query<{ app_id: string; id: string; sealed_content: Buffer }>(
    sql`SELECT app_id, id, sealed_content FROM mails ORDER BY app_id, id`,
  );
  return rows.map((row) => ({ appId: row.app_id, id: row.id, sealedContent: row.sealed_content }));
}

export async function replaceSealedMail(tx: Tx, appId: string, mailId: string, sealed: Buffer): Promise<void> {
  await tx.query(sql`UPDATE mails SET sealed_content = ${sealed} WHERE app_id = ${appId} AND id = ${mailId}`);
}
