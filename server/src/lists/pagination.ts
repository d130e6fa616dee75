import { createHmac } from 'node:crypto';
import { z } from 'zod';
import type { Sql } from '../db/db.ts';
import { empty, join, sql } from '../db/db.ts';
import type { OrganizationRelation } from '../access/relations.ts';
import { constantTimeEqual } from '../keys/secrets.ts';
import { ApiError } from '../http/errors.ts';
import { queryInteger } from '../http/fields.ts';
import { decideAccess } from '../calls/decide-access.ts';
import { accessOverOrganization, decideByDeclaration, decisionOver, isGranted } from '../calls/decide-in-statement.ts';
import type { Call } from '../calls/route.ts';

const page = queryInteger({
  min: 0,
  max: 999_999_999,
  what: 'Number of the page, from 0. Cannot be combined with `cursor`.',
  example: 0,
});
const pageSize = queryInteger({ min: 1, max: 100, what: 'Items of a page, 1 to 100.', example: 20 });
const cursor = z
  .string()
  .max(400, { error: 'At most 400 characters.' })
  .meta({
    description:
      'The `nextCursor` of the previous page, from the same route and filters. Cannot be combined with `page`.',
    examples: ['MTE4MjczNjQ1NTQ2MjEzMzc2.c2lnbmF0dXJl'],
  });

/** The query fields of a list with a total. */
export const pagingQuery = { page: page.optional(), pageSize, cursor: cursor.optional() };

/** The query fields of a list without total and page numbers. */
export const cursorQuery = { pageSize, cursor: cursor.optional() };

/** Cursor of the next page of a list. */
export const nextCursor = z
  .string()
  .optional()
  .meta({
    description: 'Cursor of the next page; absent on the last page.',
    examples: ['MTE4MjczNjQ1NTQ2MjEzMzc2.c2lnbmF0dXJl'],
  });

/** The validated paging fields of a query. */
export interface Paging {
  page?: number | undefined;
  pageSize: number;
  cursor?: string | undefined;
}

/** The `metadata` of a list with a total. */
export const pageMetadata = z
  .object({
    total: z.int().meta({ description: 'Total number of matching items.', examples: [42] }),
    nextCursor,
  })
  .meta({
    id: 'PageMetadata',
    description: 'Total of a list, and the cursor of its next page.',
    examples: [{ total: 42 }],
  });

interface Listed<Item> {
  metadata: { total: number; nextCursor?: string };
  items: Item[];
}

/** Content of a cursor: the id of the last item and, for counted lists, the total. */
interface Position {
  readonly id: string;
  readonly total?: number;
}

/** A cursor is valid only for the list that returned it: same app, route, organization and filters. */
export function sealCursor(call: Call, filters: unknown, position: string): string {
  const bound = JSON.stringify([call.appId, call.route.operationId, call.orgId, filters, position]);
  const seal = createHmac('sha256', call.services.sealer.deriveKey('cursor')).update(bound).digest().subarray(0, 16);
  return `${Buffer.from(position).toString('base64url')}.${seal.toString('base64url')}`;
}

/** The validation error for a cursor of another list. */
const foreignCursor = ['/query/cursor', 'Not a cursor of this list.'] as const;

/** The position in a cursor of this list; undefined for a cursor of another list. */
function positionWithin(call: Call, filters: unknown, value: string): string | undefined {
  const position = Buffer.from(value.split('.')[0] ?? '', 'base64url').toString();
  return constantTimeEqual(Buffer.from(sealCursor(call, filters, position)), Buffer.from(value)) ? position : undefined;
}

/**
 * The position in a cursor of this list.
 *
 * @throws ApiError `validation_failed` for a cursor of another list
 */
export function openCursor(call: Call, filters: unknown, value: string): string {
  const position = positionWithin(call, filters, value);
  if (position !== undefined) return position;
  const [pointer, message] = foreignCursor;
  throw new ApiError('validation_failed', { faults: [{ pointer, message }] });
}

function toPosition(position: string): Position {
  const [id = '', total] = position.split('/');
  return { id, ...(total !== undefined && { total: Number(total) }) };
}

/** Definition of a list; see `readPage`. */
export interface List<Row extends { id: string }, Item> {
  /** The paging fields of the query. */
  readonly paging: Paging;
  /** The filters of the list; a cursor is bound to them. */
  readonly filters?: unknown;
  /** Common table expressions that `total` and `rows` select from, separated by commas. */
  readonly common?: Sql;
  /** Selects the number of matches, as one row with `total`. */
  readonly total: Sql;
  /**
   * Whether the total is counted instead of stored. It is counted once and carried in the cursor, so that later pages
   * do not count again and show the same total.
   */
  readonly totalTravels?: boolean;
  /** Selects the items. `after`: conditions to append to a WHERE; `limit`: order and limit. */
  readonly rows: (continuation: { after: Sql; limit: Sql }) => Sql;
  /** The id column that orders the list, e.g. `o.id`. */
  readonly key: Sql;
  readonly toItem: (row: Row) => Item;
  /**
   * Present if the list reads a search index: a condition that tells whether rows are missing in the index, and a
   * function that adds the missing rows.
   */
  readonly index?: { readonly isIncomplete: Sql; readonly complete: () => Promise<void> } | undefined;
}

/**
 * The head of a page: the total if it was counted, and the access relation of the caller if the statement decides on
 * access.
 */
interface Head {
  readonly total: number | null;
  readonly isIncomplete: boolean | null;
  readonly relation: OrganizationRelation | null;
}

/** One JSON column, so that the row of an item needs only one null for the head. */
interface HeadColumn {
  readonly head: Head | null;
}

/** The parts of a page's statement that depend on whether the statement decides on access. */
interface Gate {
  readonly expressions: readonly Sql[];
  /** Condition at the end of a WHERE. */
  readonly condition: Sql;
  /** Makes an expression of the head null unless access is granted. */
  readonly ifGranted: (expression: Sql) => Sql;
  /** FROM clause that yields the single row of the head. */
  readonly from: Sql;
  readonly relation: Sql;
}

const decidedBefore: Gate = {
  expressions: [],
  condition: empty,
  ifGranted: (expression) => expression,
  from: empty,
  relation: sql`NULL`,
};

/** Nothing is selected or counted unless access is granted. */
function decidedHere(call: Call): Gate {
  const access = accessOverOrganization(call);
  return {
    expressions: [decisionOver(call, access, access.principals)],
    condition: sql`AND ${isGranted}`,
    ifGranted: (expression) => sql`CASE WHEN ${isGranted} THEN ${expression} END`,
    from: sql`FROM relation`,
    relation: sql`json_build_object('held', relation.held, 'status', relation.status, 'unmet', relation.unmet)`,
  };
}

/** The statement of one page: the items in order, then the head. */
function selectPage<Row extends { id: string }, Item>(
  call: Call,
  { paging, common, total, rows, key, index }: List<Row, Item>,
  position: Position | undefined,
): Sql {
  const { page: number = 0, pageSize: size } = paging;
  const gate = call.route.decidesInStatement ? decidedHere(call) : decidedBefore;
  const after = position === undefined ? empty : sql`AND ${key} > ${position.id}::bigint`;
  const items = rows({
    after: sql`${gate.condition} ${after}`,
    limit: sql`ORDER BY ${key} LIMIT ${size + 1} OFFSET ${position === undefined ? number * size : 0}`,
  });
  const counted = position?.total === undefined ? gate.ifGranted(sql`(${total})`) : sql`NULL`;
  const isIncomplete = index ? gate.ifGranted(index.isIncomplete) : sql`false`;
  return sql`
    WITH ${join([...gate.expressions, ...(common ? [common] : []), sql`page AS MATERIALIZED (${items})`])},
    head AS MATERIALIZED (
      SELECT json_build_object('total', ${counted}, 'isIncomplete', ${isIncomplete}, 'relation', ${gate.relation})
        AS head
      ${gate.from})
    SELECT page.*, head.head FROM page FULL JOIN head ON false ORDER BY page.id`;
}

async function readRows<Row extends { id: string }, Item>(
  call: Call,
  list: List<Row, Item>,
  position: Position | undefined,
): Promise<{ rows: Row[]; total: number }> {
  const rows = await call.services.db.query<Row & HeadColumn>(selectPage(call, list, position));
  // The head has no id, so NULLS LAST puts it at the end. If the organization does not exist, there is no head.
  const head = rows.at(-1)?.head ? rows.pop()?.head : undefined;
  if (call.route.decidesInStatement) decideByDeclaration(call, head?.relation ?? undefined);
  if (head?.isIncomplete) {
    await list.index?.complete();
    return readRows(call, { ...list, index: undefined }, position);
  }
  return { rows, total: position?.total ?? head?.total ?? 0 };
}

/** An invalid cursor or page is reported after the decision on access, like every other error of a handler. */
async function refusePaging(call: Call, pointer: string, message: string): Promise<never> {
  if (call.route.decidesInStatement) await decideAccess(call);
  throw new ApiError('validation_failed', { faults: [{ pointer, message }] });
}

/** @throws ApiError `validation_failed` for a cursor of another list, or a cursor together with `page` */
async function positionOf(call: Call, { paging, filters }: { paging: Paging; filters?: unknown }) {
  const { page: number, cursor: value } = paging;
  if (value === undefined) return undefined;
  if (number !== undefined) return refusePaging(call, '/query/page', 'Cannot be combined with cursor.');
  const position = positionWithin(call, filters, value);
  return position === undefined ? refusePaging(call, ...foreignCursor) : toPosition(position);
}

/**
 * Reads one page of a list in the order of an id, in one statement. If the route says `decidesInStatement`, the same
 * statement decides on access.
 *
 * @throws ApiError `validation_failed` for a cursor of another list, or a cursor together with `page`; the codes of
 *   `decideAccess` if the statement decides on access
 */
export async function readPage<Row extends { id: string }, Item>(
  call: Call,
  list: List<Row, Item>,
): Promise<Listed<Item>> {
  const { pageSize: size } = list.paging;
  const { rows, total } = await readRows(call, list, await positionOf(call, list));
  const last = rows.length > size ? rows[size - 1] : undefined;
  const next = last && (list.totalTravels ? `${last.id}/${total}` : last.id);
  return {
    metadata: { total, ...(next !== undefined && { nextCursor: sealCursor(call, list.filters, next) }) },
    items: rows.slice(0, size).map(list.toItem),
  };
}
