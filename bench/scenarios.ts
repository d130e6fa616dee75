import type { Request } from './load.ts';
import { appName, counts, password, seeded } from './seed.ts';

/** One comparison: the request to the service, and the corresponding request to the floor. */
export interface Scenario {
  readonly name: string;
  /** Description of the comparison for readers. */
  readonly service: string;
  readonly floor: string;
  /** Required share of the floor's throughput on PostgreSQL. */
  readonly aim: number;
  readonly requests: (machineTokens: readonly string[]) => Request[];
  /** Absent if the floor only hashes, without HTTP. */
  readonly floorRequests?: () => Request[];
}

const sessionsInUse = 2_048;
const organizationsInUse = 992;
const machinesInUse = 128;
const patch = JSON.stringify({ metadata: { plan: 'pro', seats: '25' } });

function numbered(count: number, request: (index: number) => Request): Request[] {
  return Array.from({ length: count }, (_, index) => request(index + 1));
}

const app = { 'x-app-name': appName };
const json = { ...app, 'content-type': 'application/json' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

const patchOf = (index: number, token: string): Request => ({
  method: 'PATCH',
  path: `/v1/authorization/organizations/${seeded.id(index)}`,
  headers: { ...json, ...bearer(token) },
  body: patch,
});

const patchFloor = (under = ''): Request[] =>
  numbered(organizationsInUse, (index) => ({
    method: 'PATCH',
    path: `${under}/organizations/${seeded.id(index)}`,
    headers: json,
    body: patch,
  }));

export const usersMe = (): Request[] =>
  numbered(sessionsInUse, (index) => ({
    method: 'GET',
    path: '/v1/authentication/users/me',
    headers: { ...app, ...bearer(seeded.sessionToken(index)) },
  }));

/** People sign in again from their known device. */
export const signIns = (): Request[] =>
  numbered(counts.users, (index) => ({
    method: 'POST',
    path: '/v1/authentication/users/sessions',
    headers: { ...json, 'x-device-token': seeded.deviceToken(index) },
    body: JSON.stringify({ email: seeded.email(index), password }),
  }));

export const tokenRequests = (): Request[] =>
  numbered(machinesInUse, (index) => ({
    method: 'POST',
    path: '/v1/authentication/machine-users/access-token',
    headers: json,
    body: JSON.stringify({ clientId: seeded.id(index), clientSecret: seeded.machineSecret(index) }),
  }));

/** People exchange their sessions for tokens of an organization that they own. */
const accessTokens = (): Request[] =>
  numbered(organizationsInUse, (index) => ({
    method: 'POST',
    path: '/v1/authentication/users/me/access-token',
    headers: { ...json, ...bearer(seeded.sessionToken(index)) },
    body: JSON.stringify({ organizationId: seeded.id(index) }),
  }));

/** Owners list the members of organizations that have more members than a page. */
const lists = (): Request[] =>
  numbered(counts.listedOrganizations, (index) => ({
    method: 'GET',
    path: '/v1/authorization/organizations/users?pageSize=50',
    headers: { ...app, ...bearer(seeded.sessionToken(index + 1)), 'x-iam-orgid': seeded.id(index + 1) },
  }));

/** The member after the owner, who has a role but is neither owner nor manager. */
const permissionChecks = (): Request[] =>
  numbered(organizationsInUse, (index) => ({
    method: 'POST',
    path: `/v1/authorization/organizations/${seeded.id(index)}/permissions/check`,
    headers: { ...json, ...bearer(seeded.sessionToken(index + 1)) },
    body: JSON.stringify({ permissions: ['documents:reader', 'documents:writer'] }),
  }));

/** The hosted page on which people who are not signed in enter their address. */
const signInPages = (): Request[] => [{ method: 'GET', path: `/apps/${appName}/sign-in`, headers: {} }];

/** The hosted page with everything about an account, which asks the API about profile, sessions and organizations. */
const accountPages = (): Request[] =>
  numbered(sessionsInUse, (index) => ({
    method: 'GET',
    path: `/apps/${appName}/account`,
    headers: { cookie: `session-token=${seeded.sessionToken(index)}` },
  }));

const introspections = (tokens: readonly string[]): Request[] =>
  numbered(sessionsInUse, (index) => ({
    method: 'POST',
    path: '/v1/authentication/token/introspection',
    headers: { ...json, ...bearer(tokens[index % tokens.length] ?? '') },
    body: JSON.stringify({ token: seeded.sessionToken(index) }),
  }));

/** Keys of organizations, as a backend asks about them. */
const apiKeyIntrospections = (tokens: readonly string[]): Request[] =>
  numbered(organizationsInUse, (index) => ({
    method: 'POST',
    path: '/v1/authentication/token/introspection',
    headers: { ...json, ...bearer(tokens[index % tokens.length] ?? '') },
    body: JSON.stringify({ token: seeded.apiKey(index) }),
  }));

const userFloor = (): Request[] =>
  numbered(sessionsInUse, (index) => ({ method: 'GET', path: `/users/${seeded.id(index)}`, headers: app }));

const oneSelect = 'fastify route: one SELECT by primary key';
const oneTransaction = 'fastify route: BEGIN, UPDATE, INSERT, COMMIT';

export const scenarios: readonly Scenario[] = [
  {
    name: 'users-me',
    service: `GET users/me, ${sessionsInUse} sessions`,
    floor: oneSelect,
    aim: 0.95,
    requests: usersMe,
    floorRequests: userFloor,
  },
  {
    name: 'patch-owner',
    service: `PATCH organizations/{id} by its owner, ${organizationsInUse} organizations`,
    floor: oneTransaction,
    aim: 1,
    requests: () => numbered(organizationsInUse, (index) => patchOf(index, seeded.sessionToken(index))),
    floorRequests: () => patchFloor(),
  },
  {
    name: 'patch-owner-statement',
    service: 'the same changes',
    floor: 'fastify route: the same UPDATE and INSERT in one statement, without a transaction',
    aim: 0.6,
    requests: () => numbered(organizationsInUse, (index) => patchOf(index, seeded.sessionToken(index))),
    floorRequests: () => patchFloor('/one-statement'),
  },
  {
    name: 'patch-machine',
    service: `PATCH organizations/{id} by machines, ${organizationsInUse} organizations`,
    floor: oneTransaction,
    aim: 1,
    requests: (tokens) => numbered(organizationsInUse, (index) => patchOf(index, tokens[index % tokens.length] ?? '')),
    floorRequests: () => patchFloor(),
  },
  {
    name: 'list',
    service: `GET organizations/users?pageSize=50 by the owner, ${counts.listedOrganizations} organizations`,
    floor: 'fastify route: one SELECT of 51 members joined with their users and roles',
    aim: 0.85,
    requests: lists,
    floorRequests: () =>
      numbered(counts.listedOrganizations, (index) => ({
        method: 'GET',
        path: `/organizations/${seeded.id(index + 1)}/members`,
        headers: app,
      })),
  },
  {
    name: 'permissions',
    service: `POST permissions/check by a member, two permissions, ${organizationsInUse} organizations`,
    floor: oneSelect,
    aim: 0.7,
    requests: permissionChecks,
    floorRequests: userFloor,
  },
  {
    name: 'introspection',
    service: `POST token/introspection by machines, ${sessionsInUse} sessions`,
    floor: oneSelect,
    aim: 0.8,
    requests: introspections,
    floorRequests: userFloor,
  },
  {
    name: 'introspect-api-key',
    service: `POST token/introspection by machines, ${organizationsInUse} API keys`,
    floor: oneSelect,
    aim: 0.85,
    requests: apiKeyIntrospections,
    floorRequests: userFloor,
  },
  {
    name: 'token',
    service: `POST access-token, ${machinesInUse} machines`,
    floor: 'fastify route: one SELECT by primary key, one ES256 signature',
    aim: 0.9,
    requests: tokenRequests,
    floorRequests: () =>
      numbered(machinesInUse, (index) => ({ method: 'POST', path: `/tokens/${seeded.id(index)}`, headers: app })),
  },
  {
    name: 'access-token',
    service: `POST users/me/access-token with an organization, ${organizationsInUse} sessions`,
    floor: 'fastify route: one SELECT by primary key, one ES256 signature',
    aim: 0.8,
    requests: accessTokens,
    floorRequests: () =>
      numbered(organizationsInUse, (index) => ({ method: 'POST', path: `/tokens/${seeded.id(index)}`, headers: app })),
  },
  {
    name: 'sign-in-page',
    service: 'GET /apps/{app}/sign-in, the hosted page for people who are not signed in',
    floor: oneSelect,
    aim: 0.15,
    requests: signInPages,
    floorRequests: userFloor,
  },
  {
    name: 'account-page',
    service: `GET /apps/{app}/account, the hosted page of an account, ${sessionsInUse} sessions`,
    floor: oneSelect,
    aim: 0.04,
    requests: accountPages,
    floorRequests: userFloor,
  },
  {
    name: 'sign-in',
    service: 'POST sessions with a password, from a known device',
    floor: 'argon2id on all cores, without HTTP and database',
    aim: 0.9,
    requests: signIns,
  },
  {
    name: 'sign-in-route',
    service: 'the same sign-ins',
    floor: 'the least that a route has to do: one SELECT, one argon2id comparison on all cores, one INSERT',
    aim: 0.95,
    requests: signIns,
    floorRequests: () =>
      numbered(counts.users, (index) => ({
        method: 'POST',
        path: '/sessions',
        headers: { ...json, 'x-device-token': seeded.deviceToken(index) },
        body: JSON.stringify({ email: seeded.email(index), password }),
      })),
  },
];
