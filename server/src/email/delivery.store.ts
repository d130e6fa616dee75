import type { Queryable } from '../db/db.ts';
import { sql } from '../db/db.ts';
import type { MailPurpose } from '../mail-texts/mail-purposes.ts';
import { type Leased, leaseDue } from '../outbox/outbox.store.ts';
import { mailColumns, type MailRow, type StoredMail, toStoredMail } from './mails.store.ts';

/** A mail that only this process may send until its lease expires. */
export type TakenMail = StoredMail & Leased;

/** Claims mails that are due, the longest waiting first. */
export async function takeDueMails(
  db: Queryable,
  asked: { now: Date; leaseUntil: Date; limit: number },
): Promise<TakenMail[]> {
  const rows = await db.query<MailRow & { attempts: number; give_up_at: Date }>(sql`
    WITH ${leaseDue('mails', asked)}
    SELECT ${mailColumns}, m.attempts, m.give_up_at FROM leased m
    JOIN apps a ON a.id = m.app_id LEFT JOIN app_branding b ON b.app_id = m.app_id
    JOIN users u ON u.app_id = m.app_id AND u.id = m.user_id`);
  return rows.map((row) => ({ ...toStoredMail(row), attempts: row.attempts, giveUpAt: row.give_up_at }));
}

/** An abandoned mail. Only an operator can queue it again. */
export interface GivenUpMail {
  readonly id: string;
  readonly appName: string;
  readonly recipient: string;
  readonly purpose: MailPurpose;
  readonly attempts: number;
  readonly lastError: string;
  readonly createdAt: Date;
}

/** The newest abandoned mails of the whole deployment. */
export async function listGivenUpMails(db: Queryable, limit: number): Promise<GivenUpMail[]> {
  const rows = await db.query<{
    id: string;
    name: string;
    recipient: string;
    purpose: MailPurpose;
    attempts: number;
    last_error: string;
    created_at: Date;
  }>(sql`
    SELECT m.id, a.name, m.recipient, m.purpose, m.attempts, m.last_error, m.created_at
    FROM mails m JOIN apps a ON a.id = m.app_id
    WHERE m.state = 'GIVEN_UP' ORDER BY m.id DESC LIMIT ${limit}`);
  return rows.map((row) => ({
    id: row.id,
    appName: row.name,
    recipient: row.recipient,
    purpose: row.purpose,
    attempts: row.attempts,
    lastError: row.last_error,
    createdAt: row.created_at,
  }));
}

/** Queues abandoned mails again: one, or all of them. @returns the number of mails */
export async function retryGivenUpMails(
  db: Queryable,
  { id, now, giveUpAt }: { id: string | undefined; now: Date; giveUpAt: Date },
): Promise<number> {
  const rows = await db.query(sql`
    UPDATE mails SET state = 'QUEUED', attempts = 0, due_at = ${now}, give_up_at = ${giveUpAt}, settled_at = NULL
    WHERE state = 'GIVEN_UP' AND (${id ?? null}::bigint IS NULL OR id = ${id ?? null}::bigint)
    RETURNING id`);
  return rows.length;
}

/** Numbers of waiting and abandoned mails. */
export async function countMails(db: Queryable): Promise<{ queued: number; givenUp: number }> {
  const [row] = await db.query<{ queued: number; given_up: number }>(sql`
    SELECT (SELECT count(*) FROM mails WHERE state = 'QUEUED')::integer AS queued,
      (SELECT count(*) FROM mails WHERE state = 'GIVEN_UP')::integer AS given_up`);
  return { queued: row?.queued ?? 0, givenUp: row?.given_up ?? 0 };
}

/** Deletes at most `limit` mails that are no longer needed. @returns the number of deleted mails */
export async function deleteOldMails(
  db: Queryable,
  { settledBefore, waitingSince, limit }: { settledBefore: Date; waitingSince: Date; limit: number },
): Promise<number> {
  const rows = await db.query(sql`
    WITH settled AS MATERIALIZED (
      SELECT app_id, id FROM mails
      WHERE state <> 'QUEUED' AND settled_at < ${settledBefore}
        AND (state <> 'GIVEN_UP' OR settled_at < ${waitingSince})
      ORDER BY settled_at LIMIT ${limit} FOR UPDATE SKIP LOCKED),
    waiting AS MATERIALIZED (
      SELECT app_id, id FROM mails WHERE state = 'QUEUED' AND due_at < ${waitingSince}
      ORDER BY due_at LIMIT ${limit} FOR UPDATE SKIP LOCKED),
    old AS (SELECT app_id, id FROM settled UNION ALL SELECT app_id, id FROM waiting)
    DELETE FROM mails USING old WHERE mails.app_id = old.app_id AND mails.id = old.id RETURNING mails.id`);
  return rows.length;
}
