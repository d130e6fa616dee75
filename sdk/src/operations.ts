import { GatehouseConnectionError } from './errors.ts';
import { operations, type OperationTypes } from './generated/operations.ts';
import type { CallOptions, PreparedRequest, Transport } from './transport.ts';

export type OperationId = keyof OperationTypes;

interface Description {
  readonly method: string;
  readonly path: string;
  readonly query?: readonly string[];
  /** The organization is in a header instead of the path. */
  readonly organizationHeader?: boolean;
  /** The service stores the response under an `Idempotency-Key`. */
  readonly keyed?: boolean;
  readonly body?: boolean;
  /** The property of the response that contains the items of a page. */
  readonly items?: string;
}

type DataOf<Id extends OperationId> = OperationTypes[Id]['data'];
type AnswerOf<Id extends OperationId> = OperationTypes[Id]['responses'][keyof OperationTypes[Id]['responses']];

/** One string for each `{parameter}` of a path. */
type PathArguments<Path extends string> = Path extends `${string}{${string}}${infer Rest}`
  ? [id: string, ...PathArguments<Rest>]
  : [];
type OrganizationArgument<Id extends OperationId> = (typeof operations)[Id] extends { organizationHeader: true }
  ? [orgId: string]
  : [];

type BodyOf<Data> = Data extends { body: infer Body }
  ? Body
  : Data extends { body?: infer Body }
    ? Exclude<Body, undefined>
    : never;
/** The size of a page is optional in the client. */
type QueryOf<Data> = Data extends { query?: infer Query }
  ? [Exclude<Query, undefined>] extends [never]
    ? never
    : Omit<Exclude<Query, undefined>, 'pageSize'> & { pageSize?: number }
  : never;
type Input<Data> = [BodyOf<Data>] extends [never]
  ? QueryOf<Data>
  : [QueryOf<Data>] extends [never]
    ? BodyOf<Data>
    : BodyOf<Data> & QueryOf<Data>;
type InputArguments<In> = [In] extends [never] ? [] : object extends In ? [input?: In] : [input: In];

type Ids<Id extends OperationId> = [...OrganizationArgument<Id>, ...PathArguments<(typeof operations)[Id]['path']>];
type Arguments<Id extends OperationId> = [...Ids<Id>, ...InputArguments<Input<DataOf<Id>>>];

type ItemOf<Answer> = Answer extends object
  ? { [Key in keyof Answer]: Answer[Key] extends readonly (infer Item)[] ? Item : never }[keyof Answer]
  : never;
type Listed<Id extends OperationId> = (typeof operations)[Id] extends { items: string }
  ? {
      /**
       * Every item of the list. Pages are requested when they are needed.
       *
       * @example for await (const { email } of client.users.list.each()) …
       */
      each(...args: [...Arguments<Id>, options?: CallOptions]): AsyncIterableIterator<ItemOf<AnswerOf<Id>>>;
    }
  : unknown;

/** An operation as a function: the ids of its path, then its body or query, then options. */
export type Method<Id extends OperationId> = ((
  ...args: [...Arguments<Id>, options?: CallOptions]
) => Promise<AnswerOf<Id>>) &
  Listed<Id>;

const defaultPageSize = 50;

interface Asked {
  readonly request: PreparedRequest;
  readonly options: CallOptions;
}

/** @throws TypeError for an id that is missing, empty or dots, because the path would be that of another operation */
function segmentOf(id: unknown): string {
  if (typeof id !== 'string' || /^\.{0,2}$/.test(id))
    throw new TypeError('An id in the path must be a string that is neither empty nor one or two dots');
  return encodeURIComponent(id);
}

/** A value of the query. @throws TypeError for an object */
function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new TypeError('A value of the query must be a string, a number or a boolean');
}

function prepare(description: Description, args: readonly unknown[]): Asked {
  const rest = [...args];
  const organization = description.organizationHeader ? segmentOf(rest.shift()) : undefined;
  const path = description.path.replaceAll(/\{\w+\}/g, () => segmentOf(rest.shift()));
  const takesInput = description.body === true || description.query !== undefined;
  const input = (takesInput ? (rest.shift() ?? {}) : {}) as Record<string, unknown>;
  const options = (rest.shift() ?? {}) as CallOptions;

  const inQuery = new Set(description.query);
  const given = inQuery.has('pageSize') ? { pageSize: defaultPageSize, ...input } : input;
  const query = new URLSearchParams();
  for (const name of inQuery) {
    const value = given[name];
    if (value !== undefined) query.set(name, textOf(value));
  }
  const body = Object.fromEntries(Object.entries(given).filter(([name]) => !inQuery.has(name)));
  const key = options.idempotencyKey ?? (description.keyed ? crypto.randomUUID() : undefined);
  const headers = {
    ...options.headers,
    ...(organization !== undefined && { 'X-Iam-Orgid': organization }),
    ...(key !== undefined && { 'Idempotency-Key': key }),
    ...(options.ifMatch !== undefined && { 'If-Match': options.ifMatch }),
    ...(description.body && { 'Content-Type': 'application/json' }),
  };
  return {
    request: {
      method: description.method,
      path: query.size > 0 ? `${path}?${query.toString()}` : path,
      headers,
      body: description.body ? JSON.stringify(body) : undefined,
    },
    options,
  };
}

async function answerOf(response: Response): Promise<unknown> {
  if (response.status === 204 || response.status === 304) return undefined;
  return response.json().catch((error: unknown) => {
    throw new GatehouseConnectionError('The response was incomplete.', { cause: error });
  });
}

/** The position of the input among the arguments, for further pages. */
const inputIndex = ({ path, organizationHeader }: Description): number =>
  (path.match(/\{\w+\}/g)?.length ?? 0) + (organizationHeader ? 1 : 0);

async function* each(send: (...args: unknown[]) => Promise<unknown>, description: Description, args: unknown[]) {
  const index = inputIndex(description);
  for (let cursor: string | undefined; ;) {
    const input = { ...(args[index] as object | undefined), ...(cursor !== undefined && { cursor, page: undefined }) };
    const answer = (await send(...args.slice(0, index), input, args[index + 1])) as Record<string, unknown>;
    yield* answer[description.items ?? ''] as unknown[];
    const metadata = answer['metadata'] as { nextCursor?: string } | undefined;
    cursor = metadata?.nextCursor ?? (answer['nextCursor'] as string | undefined);
    if (cursor === undefined) return;
  }
}

/** The function of an operation with a transport. */
export function methodOf<Id extends OperationId>(transport: Transport, id: Id): Method<Id> {
  const description: Description = operations[id];
  const send = async (...args: unknown[]): Promise<unknown> => {
    const { request, options } = prepare(description, args);
    return answerOf(await transport(request, options));
  };
  const method = description.items
    ? Object.assign(send, { each: (...args: unknown[]) => each(send, description, args) })
    : send;
  return method as unknown as Method<Id>;
}
