import { largestOrganization, timeOf, userId } from './generate.ts';
import type { Subject } from './subject.ts';

/** A request of a case, in the form of `inject`. */
export interface Request {
  readonly method: 'GET' | 'POST';
  readonly url: string;
  readonly headers: Record<string, string>;
  readonly payload?: object;
}

/** An operation whose cost must not depend on the amount of data. */
export interface Case {
  readonly name: string;
  /** The request. Built once for each size, after the subject has returned values such as a cursor. */
  readonly prepare: (subject: Subject) => Promise<Request>;
}

const pageSize = 20;

type Of = (subject: Subject) => Request;

const as = (who: keyof Subject['tokens'], path: string, payload?: object): Of => {
  return ({ tokens }) => ({
    method: payload ? 'POST' : 'GET',
    url: `/v1/authorization/${path}`,
    headers: {
      'x-app-name': 'scale',
      'x-iam-orgid': largestOrganization,
      authorization: `Bearer ${tokens[who]}`,
    },
    ...(payload && { payload }),
  });
};

interface Listed {
  readonly metadata: { readonly total?: number; readonly nextCursor?: string };
}

async function ask({ app }: Subject, request: Request): Promise<Listed> {
  const response = await app.inject(request);
  if (response.statusCode !== 200) throw new Error(`${request.url}: ${response.statusCode} ${response.body}`);
  return response.json<Listed>();
}

const withQuery = (request: Request, query: string): Request => ({
  ...request,
  url: `${request.url}${request.url.includes('?') ? '&' : '?'}${query}`,
});

const firstPage = (name: string, of: Of): Case => ({
  name: `${name}, first page`,
  prepare: async (subject) => {
    const request = withQuery(of(subject), `pageSize=${pageSize}`);
    await ask(subject, request);
    return request;
  },
});

/** The last page, by the cursor of the page before. */
const lastPage = (name: string, of: Of): Case => ({
  name: `${name}, at the end by cursor`,
  prepare: async (subject) => {
    const request = of(subject);
    const { metadata } = await ask(subject, withQuery(request, 'pageSize=1'));
    const page = Math.floor((metadata.total ?? 0) / pageSize) - 2;
    const before = await ask(subject, withQuery(request, `pageSize=${pageSize}&page=${page}`));
    return withQuery(request, `pageSize=${pageSize}&cursor=${before.metadata.nextCursor}`);
  },
});

const search = (what: string, body: (subject: Subject) => object): Case => ({
  name: `search: ${what}`,
  prepare: async (subject) => {
    const request = as('admin', `organizations/users/search?pageSize=${pageSize}`, body(subject))(subject);
    const { metadata } = await ask(subject, request);
    if ((metadata.total ?? 0) > 100 || metadata.total === 0) throw new Error(`${what}: ${metadata.total} hits`);
    return request;
  },
});

const users = 'organization users';
const listUsers = as('admin', 'organizations/users');
const listOrganizations = as('admin', 'organizations');
const listAppUsers = as('admin', 'users');

/** Pages and searches of the contract, 1.5 and 3.3: at most a hundred results, three characters or more. */
export const listCases: readonly Case[] = [
  firstPage(users, listUsers),
  lastPage(users, listUsers),
  search('3 characters', () => ({ name: 'xwo' })),
  search('4 characters', () => ({ name: 'uixw' })),
  search('5 characters across two words', () => ({ name: 'φια σ' })),
  search('a full name in Latin', () => ({ name: 'laura clark' })),
  search('a full name in Arabic', () => ({ name: 'خالد العتيبي' })),
  search('a full name in Cyrillic', () => ({ name: 'ольга семенов' })),
  search('a full name without its accents', () => ({ name: 'zdenek quix' })),
  search('an address', ({ size }) => ({ email: `.${size.users - 5}@mail` })),
  search('a name and a role', () => ({ name: 'quixworth', role: 'global:reader' })),
  firstPage('organizations', listOrganizations),
  lastPage('organizations', listOrganizations),
  firstPage('users of the app', listAppUsers),
  lastPage('users of the app', listAppUsers),
];

const monthAgo = (month: number): string => timeOf(month, 10).toISOString();
const eventsOf = (path: string, query = ''): Of => as('admin', `${path}${query}`);
const ofLargest = `organizations/${largestOrganization}/audit-events`;

/** After some pages, so that the cursor is in the middle or at the end. */
const nextPage = (name: string, of: Of): Case => ({
  name: `${name}, by cursor`,
  prepare: async (subject) => {
    const request = withQuery(of(subject), `pageSize=${pageSize}`);
    const { metadata } = await ask(subject, request);
    return metadata.nextCursor === undefined ? request : withQuery(request, `cursor=${metadata.nextCursor}`);
  },
});

const until = `?to=${monthAgo(1)}`;
const between = `?from=${monthAgo(4)}&to=${monthAgo(5)}`;

/** Queries of the audit, contract 3.10. */
export const auditCases: readonly Case[] = [
  firstPage('events of an organization', eventsOf(ofLargest)),
  nextPage('events of an organization, of the first month', eventsOf(ofLargest, until)),
  firstPage('events of an organization, as its owner', as('owner', ofLargest)),
  firstPage('events of an organization, one month', eventsOf(ofLargest, between)),
  firstPage('events of an organization, a rare action', eventsOf(ofLargest, '?action=organization.deactivated')),
  firstPage('events of an organization, an action that never occurred', eventsOf(ofLargest, '?action=never.happened')),
  firstPage('events of an organization, of one actor', eventsOf(ofLargest, `?actorId=${userId(5)}`)),
  firstPage('events of an organization by an actor who never acted there', eventsOf(ofLargest, '?actorId=1')),
  firstPage('events of the app', eventsOf('audit-events')),
  nextPage('events of the app, of the first month', eventsOf('audit-events', until)),
  firstPage('events of the app, of one actor', eventsOf('audit-events', `?actorId=${userId(5)}`)),
  firstPage('events of the app, an action that never occurred', eventsOf('audit-events', '?action=never.happened')),
  firstPage('events of the app, a rare action', eventsOf('audit-events', '?action=organization.deactivated')),
];
