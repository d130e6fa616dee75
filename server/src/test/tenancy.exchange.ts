import type { LightMyRequestResponse } from 'fastify';
import type { Route } from '../calls/route.ts';
import type { Prepared } from './samples/sample.ts';

/** A call in which one of our values was replaced by the corresponding value of another tenant. */
export interface Exchange {
  readonly what: string;
  readonly prepared: Prepared;
}

const isId = (value: unknown): value is string => typeof value === 'string' && /^[0-9]{15,19}$/.test(value);

const parts = ['params', 'query', 'body'] as const;

/** One call for each id, in path, query, body and header, in which only that id is replaced. */
export function singleExchanges(ours: Prepared, theirs: Prepared): Exchange[] {
  const inParts = parts.flatMap((part) =>
    Object.entries(theirs[part] ?? {})
      .filter(([name, value]) => isId(value) && value !== ours[part]?.[name])
      .map(([name, value]) => ({
        what: `${part}.${name}`,
        prepared: { ...ours, [part]: { ...ours[part], [name]: value } },
      })),
  );
  const { orgId } = theirs;
  if (orgId === undefined || orgId === ours.orgId) return inParts;
  return [...inParts, { what: 'header', prepared: { ...ours, orgId } }];
}

/** The complete call of the other tenant. */
export const wholeExchange = (theirs: Prepared): Exchange => ({ what: 'everything', prepared: theirs });

/** All texts in a value that could disclose something. */
export function textsOf(value: unknown): string[] {
  if (typeof value === 'string') return value.length > 5 ? [value] : [];
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsOf) : [];
}

/** A response; for a change, only the parts that are equal in every call. */
export function bodyOf({ method }: Route, response: LightMyRequestResponse): unknown {
  if (response.statusCode >= 400 || response.body === '') return undefined;
  const body = response.json<unknown>();
  return method === 'GET' ? body : withoutTexts(body);
}

function withoutTexts(value: unknown): unknown {
  if (typeof value === 'string') return 'text';
  if (Array.isArray(value)) return value.map(withoutTexts);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, withoutTexts(inner)]));
}
