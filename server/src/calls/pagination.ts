import { createHmac } from 'node:crypto';
import { z } from 'zod';
import type { Sql } from '../db/db.ts';
import { sql } from '../db/db.ts';
import { constantTimeEqual } from '../keys/secrets.ts';
import { ApiError } from '../http/errors.ts';
import { queryInteger } from '../http/fields.ts';
import type { Call } from './route.ts';

const page = queryInteger({
  min: 0,
  max: 999_999_999,
  what: 'Number of the page, from 0. Not together with `cursor`.',
  example: 0,
});
const pageSize = queryInteger({ min: 1, max: 100, what: 'Items of a page, 1 to 100.', example: 20 });
const cursor = z
  .string()
  .max(400, { error: 'At most 400 characters.' })
  .meta({
    description: 'The `nextCursor` of the page before, with the same route and filters. Not together with `page`.',
    examples: ['MTE4MjczNjQ1NTQ2MjEzMzc2.c2lnbmF0dXJl'],
  });

/** The query fields of every list. */
export const pagingQuery = { page: page.optional(), pageSize, cursor: cursor.optional() };

/** The query fields of a list that has no total and is only followed by cursor. */
export const cursorQuery = { pageSize, cursor: cursor.optional() };

/** Where the next page of any list begins. */
export const nextCursor = z
  .string()
  .optional()
  .meta({
    description: 'Where the next page begins; absent on the last one.',
    examples: ['MTE4MjczNjQ1NTQ2MjEzMzc2.c2lnbmF0dXJl'],
  });

/** Which page of a list, as validated. */
export interface Paging {
  page?: number | undefined;
  pageSize: number;
  cursor?: string | undefined;
}

/** The `metadata` of every list. */
export const pageMetadata = z
  .object({
    total: z.int().meta({ description: 'How many items match in all.', examples: [42] }),
    nextCursor,
  })
  .meta({ id: 'PageMetadata', description: 'Size and continuation of a list.', examples: [{ total: 42 }] });

interface Listed<Item> {
  metadata: { total: number; nextCursor?: string };
  items: Item[];
}

/** Where a list goes on: after the item of this id; where the total travels, with it. */
interface Position {
  readonly id: string;
  readonly total?: number;
}

/** A cursor only continues the list that it was given for: same app, route, addressed organization and filters. */
export function sealCursor(call: Call, filters: unknown, position: string): string {
  const bound = JSON.stringify([call.appId, call.route.operationId, call.orgId, filters, position]);
  const seal = createHmac('sha256', call.services.sealer.deriveKey('cursor')).update(bound).digest().subarray(0, 16);
  return `${Buffer.from(position).toString('base64url')}.${seal.toString('base64url')}`;
}

/**
 * The position that a cursor of this list was sealed with.
 *
 * @throws ApiError `validation_failed` for a cursor of another list
 */
export function openCursor(call: Call, filters: unknown, value: string): string {
  const position = Buffer.from(value.split('.')[0] ?? '', 'base64url').toString();
  if (constantTimeEqual(Buffer.from(sealCursor(call, filters, position)), Buffer.from(value))) return position;
  throw new ApiError('validation_failed', {
    faults: [{ pointer: '/query/cursor', message: 'Not a cursor of this list.' }],
  });
}

function toPosition(position: string): Position {
  const [id = '', total] = position.split('/');
  return { id, ...(total !== undefined && { total: Number(total) }) };
}

/** What a list is made of; see `readPage`. */
export interface List<Row extends { id: string }, Item> {
  /** The validated query. */
  readonly paging: Paging;
  /** Whatever narrows the list; a cursor is bound to it. */
  readonly filters?: unknown;
  /** All matches: one row with `total`. */
  readonly total: Sql;
  /**
   * Where the total is not kept but counted: it is counted once, and travels in the cursor. Nobody pays for a count of
   * everything on each page, and it does not change while somebody pages through.
   */
  readonly totalTravels?: boolean;
  /** Selects the items; it gets the rest of the statement: keyset condition, order, limit. */
  readonly rows: (continuation: { after: Sql; limit: Sql }) => Sql;
  /** The id column that orders the list, e.g. `o.id`. */
  readonly key: Sql;
  readonly toItem: (row: Row) => Item;
}

async function readTotal(call: Call, list: { total: Sql }, position: Position | undefined): Promise<number> {
  if (position?.total !== undefined) return position.total;
  const [counted] = await call.services.db.query<{ total: string }>(list.total);
  return Number(counted?.total ?? 0);
}

/**
 * Reads one page of a list in the order of an id.
 *
 * @throws ApiError `validation_failed` for a cursor of another list, or one together with `page`
 */
export async function readPage<Row extends { id: string }, Item>(
  call: Call,
  list: List<Row, Item>,
): Promise<Listed<Item>> {
  const { page: number = 0, pageSize: size, cursor: value } = list.paging;
  if (value !== undefined && list.paging.page !== undefined) {
    throw new ApiError('validation_failed', {
      faults: [{ pointer: '/query/page', message: 'Not together with cursor.' }],
    });
  }
  const position = value === undefined ? undefined : toPosition(openCursor(call, list.filters, value));
  const after = position === undefined ? sql`` : sql`AND ${list.key} > ${position.id}::bigint`;
  const limit = sql`ORDER BY ${list.key} LIMIT ${size + 1} OFFSET ${position === undefined ? number * size : 0}`;
  const [total, rows] = await Promise.all([
    readTotal(call, list, position),
    call.services.db.query<Row>(list.rows({ after, limit })),
  ]);
  const last = rows.length > size ? rows[size - 1] : undefined;
  const next = last && (list.totalTravels ? `${last.id}/${total}` : last.id);
  return {
    metadata: { total, ...(next !== undefined && { nextCursor: sealCursor(call, list.filters, next) }) },
    items: rows.slice(0, size).map(list.toItem),
  };
}
