import { type Sql, sql } from '../db/db.ts';
import { type Access, notFoundCode, type Principal } from '../access/access.ts';
import type { ErrorCode } from '../http/errors.ts';
import type { Route } from '../calls/route.ts';
import type { OrganizationOperation } from '../access/organization-states.ts';
import { createStage, freshenSessions, type Stage } from './samples/stage.ts';
import type { Prepared, SampleCall } from './samples/sample.ts';
import { platformKey, type TestApp } from './setup.ts';
import { keptKey, organizationKey, personalKey } from './world/api-keys.ts';
import { createWorld, password, type World } from './world/world.ts';
import { acceptingAccessTokens, anotherService, signAccessToken } from './access-tokens.ts';
import { acceptingOrganizationMachines, signOrganizationMachineToken } from './organization-machine-tokens.ts';

/** The principals of a caller over the target of a sample call: the organization, one of its members, a session. */
type Standing = Readonly<Record<'app' | 'organization' | 'user' | 'session', readonly Principal[]>>;

const nothing = { app: [], organization: [], user: [], session: [] } as const satisfies Standing;
const person = { ...nothing, app: ['SESSION_OWNER'] } as const satisfies Standing;

/** Callers with a valid credential, and their principals. Written independently of the service's own rules. */
const standings = {
  stranger: person,
  neighbour: person,
  member: { ...person, organization: ['ORG_MEMBER'] },
  manager: { ...person, organization: ['ORG_USER_MANAGER', 'ORG_MEMBER'], user: ['ORG_USER_MANAGER'] },
  owner: {
    ...person,
    organization: ['ORG_OWNER', 'ORG_USER_MANAGER', 'ORG_MEMBER'],
    user: ['ORG_OWNER', 'ORG_USER_MANAGER'],
  },
  /** The person whose user or session id is the target; a plain member. */
  addressed: {
    app: ['SESSION_OWNER'],
    organization: ['ORG_MEMBER'],
    user: ['SESSION_OWNER'],
    session: ['SESSION_OWNER'],
  },
  superAdmin: {
    ...person,
    app: ['SESSION_OWNER', 'SUPER_ADMIN'],
    organization: ['SUPER_ADMIN', 'ORG_OWNER', 'ORG_USER_MANAGER', 'ORG_MEMBER'],
    user: ['SUPER_ADMIN'],
  },
  machine: {
    ...nothing,
    app: ['GENERIC_MACHINE_USER'],
    organization: ['GENERIC_MACHINE_USER'],
    user: ['GENERIC_MACHINE_USER'],
  },
} as const satisfies Record<string, Standing>;

/**
 * Callers with an access token instead of the session, and the callers with the same rights on routes that accept
 * access tokens. In another organization, a token for one organization gives no more rights than a stranger has.
 */
const byAccessToken = {
  ownerByToken: 'owner',
  ownerByTokenHere: 'owner',
  ownerByTokenNextDoor: 'stranger',
  superAdminByToken: 'superAdmin',
  addressedByToken: 'addressed',
} as const satisfies Record<string, keyof typeof standings>;

/**
 * Machine users of organizations, with the callers whose rights they have where a route accepts them: in their
 * organization a member or a manager, everywhere else nobody.
 */
const byOrganizationMachine = {
  organizationMachine: 'member',
  organizationManagerMachine: 'manager',
  organizationMachineNextDoor: 'stranger',
} as const satisfies Record<string, keyof typeof standings>;

type OrganizationMachineName = keyof typeof byOrganizationMachine;

export const isByOrganizationMachine = (name: CallerName): name is OrganizationMachineName =>
  name in byOrganizationMachine;

/** Tokens of machine users of organizations with a valid signature that are invalid here. */
const unfitOrganizationMachines = [
  'organizationMachineOfAnotherApp',
  'organizationMachineForAnotherService',
  'organizationMachineForNameOfApp',
  'organizationMachineOfAnotherOrganization',
  'organizationMachineWithoutSecret',
] as const;

type UnfitMachineName = (typeof unfitOrganizationMachines)[number];

const isUnfitMachine = (name: CallerName): name is UnfitMachineName =>
  (unfitOrganizationMachines as readonly CallerName[]).includes(name);

type TokenCallerName = keyof typeof byAccessToken;

export const isByAccessToken = (name: CallerName): name is TokenCallerName => name in byAccessToken;

/** The caller with the same rights who presents a session token. */
export function equalOf(name: CallerName): Exclude<CallerName, TokenCallerName | OrganizationMachineName> {
  if (isByOrganizationMachine(name)) return byOrganizationMachine[name];
  return isByAccessToken(name) ? byAccessToken[name] : name;
}

/** Callers without a valid credential for the app. */
const rejected = [
  'none',
  'garbage',
  'garbageJwt',
  'expiredSession',
  'idleSession',
  'endedSession',
  'deactivatedUser',
  'foreignOwner',
  'foreignSuperAdmin',
  'foreignMachine',
  'expiredMachineToken',
  'deletedMachine',
  'deletedSecret',
  'tokenForAnotherService',
  'accessTokenForAnotherService',
  'accessTokenOfEndedSession',
  'accessTokenOfNoMember',
  'foreignOwnerByToken',
  'mailedToken',
  'apiKey',
  'personalApiKey',
] as const;

export type CallerName =
  | keyof typeof standings
  | TokenCallerName
  | OrganizationMachineName
  | UnfitMachineName
  | (typeof rejected)[number]
  | 'operator';

export const callerNames: readonly CallerName[] = [
  ...rejected,
  ...(Object.keys(standings) as (keyof typeof standings)[]),
  ...(Object.keys(byAccessToken) as TokenCallerName[]),
  ...(Object.keys(byOrganizationMachine) as OrganizationMachineName[]),
  ...unfitOrganizationMachines,
  'operator',
];

/**
 * The bearer token of every kind of caller. Tokens of the target person, and access tokens, are created with the call.
 */
export type Tokens = Readonly<
  Record<
    Exclude<CallerName, 'addressed' | TokenCallerName | OrganizationMachineName | UnfitMachineName>,
    string | undefined
  >
>;

async function tokenForAudience({ world, machine }: Stage, audience: string): Promise<string> {
  const body = { clientId: machine.machineUserId, clientSecret: machine.clientSecret, audience };
  const response = await world.call('POST', '/v1/authentication/machine-users/access-token', { body });
  return response.json<{ token: string }>().token;
}

/** Access tokens with a valid signature that this API must refuse. */
const unfitAccessTokens = async ({ world, owner, stranger, orgId }: Stage, foreign: Stage) => ({
  accessTokenForAnotherService: await signAccessToken(world, owner.token, { aud: anotherService }),
  accessTokenOfEndedSession: await endedSession(world, (token) => signAccessToken(world, token)),
  accessTokenOfNoMember: await signAccessToken(world, stranger.token, { org_id: orgId }),
  foreignOwnerByToken: await signAccessToken(foreign.world, foreign.owner.token),
});

async function deletedMachine(world: World, path: 'machine' | 'secret'): Promise<string> {
  const { machineUserId, secretId, token } = await world.machine();
  const url = `/v1/authorization/machine-users/${machineUserId}${path === 'secret' ? `/secrets/${secretId}` : ''}`;
  await world.call('DELETE', url, { token: world.admin.token });
  return token;
}

async function endedSession(
  world: World,
  toCredential = (token: string): string | Promise<string> => token,
): Promise<string> {
  const { sessionId, token } = await world.person();
  const credential = await toCredential(token);
  await world.call('DELETE', `/v1/authentication/users/sessions/${sessionId}`, { token });
  return credential;
}

/** The token in the link of a verification mail. */
export async function mailedTokenTo(world: World, email: string): Promise<string> {
  const { url = '' } = await world.mail(email);
  return new URL(url).searchParams.get('token') ?? '';
}

/** A user with an unverified address, to whom a link was mailed. */
export async function personWithMailedLink(world: World) {
  const email = `linked-${world.test.services.ids.next()}@example.com`;
  const verificationUrl = 'http://localhost/verify?token={{sessionToken}}';
  const body = { firstName: 'Jon', lastName: 'Doe', email, password, verificationUrl };
  const response = await world.call('POST', '/v1/authentication/users', { body });
  const { userId } = response.json<{ userId: string }>();
  return { userId, email, token: await mailedTokenTo(world, email) };
}

const lifeOfMachineTokensMs = 12 * 3_600_000;

/** A person whose state or session is moved into the past in the database. */
async function outdatedPerson(world: World, outdate: (userId: string) => Sql): Promise<string> {
  const { userId, token } = await world.person();
  await world.test.db.query(outdate(userId));
  return token;
}

const outdatedPeople = async (world: World) => ({
  expiredSession: await outdatedPerson(
    world,
    (id) => sql`UPDATE sessions SET expires_at = created_at WHERE user_id = ${id}`,
  ),
  idleSession: await outdatedPerson(
    world,
    (id) => sql`UPDATE sessions SET idle_expires_at = created_at WHERE user_id = ${id}`,
  ),
  deactivatedUser: await outdatedPerson(world, (id) => sql`UPDATE users SET state = 'INACTIVE' WHERE id = ${id}`),
});

/** A machine token that expires when the clock is moved. */
async function expiredMachineToken(world: World): Promise<string> {
  const { token } = await world.machine();
  world.test.clock.advance(lifeOfMachineTokensMs);
  return token;
}

/** Keys that no sample removes. */
const kept = { name: keptKey };

/** One token of every kind; `foreign` is the stage of another app. */
async function issueTokens(stage: Stage, foreign: Stage, expiredToken: string): Promise<Tokens> {
  const { world } = stage;
  return {
    ...(await outdatedPeople(world)),
    none: undefined,
    garbage: `gh_s_${'x'.repeat(43)}`,
    garbageJwt: `${stage.machine.token.slice(0, -4)}AAAA`,
    endedSession: await endedSession(world),
    foreignOwner: foreign.owner.token,
    foreignSuperAdmin: foreign.world.admin.token,
    foreignMachine: foreign.machine.token,
    expiredMachineToken: expiredToken,
    deletedMachine: await deletedMachine(world, 'machine'),
    deletedSecret: await deletedMachine(world, 'secret'),
    tokenForAnotherService: await tokenForAudience(stage, anotherService),
    ...(await unfitAccessTokens(stage, foreign)),
    mailedToken: (await personWithMailedLink(world)).token,
    apiKey: (await organizationKey(world, stage.owner, stage.orgId, kept)).key,
    personalApiKey: (await personalKey(world, stage.member, stage.orgId, kept)).key,
    stranger: stage.stranger.token,
    neighbour: stage.neighbour.token,
    member: stage.member.token,
    manager: stage.manager.token,
    owner: stage.owner.token,
    superAdmin: world.admin.token,
    machine: stage.machine.token,
    operator: platformKey,
  };
}

/** Two stages in separate apps, and a token of every kind for the first. */
export interface Callers {
  readonly stage: Stage;
  readonly foreign: Stage;
  readonly tokens: Tokens;
}

export async function createCallers(test: TestApp): Promise<Callers> {
  const world = await createWorld(test);
  const expiredToken = await expiredMachineToken(world);
  await freshenSessions(test);
  const stage = await createStage(world);
  const foreign = await createStage(await createWorld(test));
  return { stage, foreign, tokens: await issueTokens(stage, foreign, expiredToken) };
}

/** Tokens of machine users of organizations, whether valid or not. */
function tokenOfOrganizationMachine(
  { world, organizationMachines, orgId, neighbourOrgId }: Stage,
  foreign: Stage,
  name: OrganizationMachineName | UnfitMachineName,
): Promise<string> {
  const { plain, manager, nextDoor } = organizationMachines;
  switch (name) {
    case 'organizationMachine':
      return signOrganizationMachineToken(world, plain);
    case 'organizationManagerMachine':
      return signOrganizationMachineToken(world, manager);
    case 'organizationMachineNextDoor':
      return signOrganizationMachineToken(world, nextDoor);
    case 'organizationMachineOfAnotherApp':
      return signOrganizationMachineToken(foreign.world, foreign.organizationMachines.manager);
    case 'organizationMachineForAnotherService':
      return signOrganizationMachineToken(world, manager, { aud: anotherService });
    case 'organizationMachineForNameOfApp':
      return signOrganizationMachineToken(world, manager, { aud: world.appName });
    case 'organizationMachineOfAnotherOrganization':
      return signOrganizationMachineToken(world, manager, { org_id: neighbourOrgId });
    case 'organizationMachineWithoutSecret':
      return signOrganizationMachineToken(world, { ...nextDoor, orgId, machineUserId: manager.machineUserId });
  }
}

/** Access tokens are signed for each call, because samples move the clock and renew authentications. */
export async function tokenOf(
  { stage, foreign, tokens }: Callers,
  name: CallerName,
  { addressed, orgId, params }: Prepared,
): Promise<string | undefined> {
  if (isByOrganizationMachine(name) || isUnfitMachine(name)) return tokenOfOrganizationMachine(stage, foreign, name);
  const { world, neighbourOrgId } = stage;
  const here = orgId ?? params?.['orgId'] ?? stage.orgId;
  const session = equalOf(name) === 'addressed' ? addressed?.token : tokens[holderOf(name)];
  if (!isByAccessToken(name) || session === undefined) return session;
  const organizations = { ownerByTokenHere: { org_id: here }, ownerByTokenNextDoor: { org_id: neighbourOrgId } };
  return signAccessToken(world, session, organizations[name as keyof typeof organizations]);
}

/** The person whose session token or access token a caller presents. */
const holderOf = (name: CallerName): keyof Tokens => {
  if (name === 'ownerByTokenNextDoor') return 'owner';
  const equal = equalOf(name);
  return equal === 'addressed' || isUnfitMachine(equal) ? 'none' : equal;
};

const isKnown = (name: CallerName): name is keyof typeof standings => name in standings;

function refusalOf(
  access: Exclude<Access, { target: 'public' | 'platform' }>,
  name: CallerName,
): ErrorCode | undefined {
  if (!isKnown(name)) return 'unauthenticated';
  const held: readonly Principal[] = standings[name][access.target];
  if (held.some((principal) => access.principals.includes(principal))) return undefined;
  const isForHumans = access.target === 'app' && access.principals.includes('SESSION_OWNER');
  if (name === 'machine' && isForHumans) return 'human_required';
  return held.length === 0 ? notFoundCode[access.target] : 'access_denied';
}

/**
 * A mailed token is valid for one route. There it authenticates its own user; everywhere else it counts as a stranger.
 */
function refusalOfMailedToken(access: Access): ErrorCode {
  return access.target === 'user' && access.from === 'body' && access.mailedToken
    ? 'user_not_found'
    : 'unauthenticated';
}

/** Callers with a role in the organization, but no rights over it from outside. */
const people: ReadonlySet<CallerName> = new Set(['addressed', 'member', 'manager', 'owner']);

/**
 * Expected result of an operation over a deactivated organization, for its members and for callers who act for the app.
 * Written independently of the table that decides.
 */
const whileInactive: Readonly<Record<OrganizationOperation, { people?: ErrorCode; app?: ErrorCode }>> = {
  see: {},
  read: { people: 'organization_inactive' },
  use: { people: 'organization_inactive', app: 'organization_inactive' },
  change: { people: 'organization_inactive' },
  grant: { people: 'organization_inactive', app: 'organization_inactive_state' },
  remove: { people: 'organization_inactive' },
  govern: { people: 'organization_inactive' },
};

/** The expected result of a call over a deactivated organization. */
export function outcomeWhileInactive(route: Route, sample: SampleCall, caller: CallerName): number | ErrorCode {
  const refusal = refusalOfAccessToken(route, caller) ?? refusalOfOrganizationMachine(route, caller);
  if (refusal !== undefined) return refusal;
  const isOfOurs = isByOrganizationMachine(caller) && caller !== 'organizationMachineNextDoor';
  if (isOfOurs && 'principals' in route.access) return 'organization_inactive';
  const name = equalOf(caller);
  const whileActive = outcomeWhileActive(route, sample, name);
  if (route.access.target !== 'organization') return whileActive;
  const refused = whileInactive[route.access.operation];
  if (people.has(name)) return refused.people ?? whileActive;
  // The status is checked together with the route's own access, before additional conditions of the call.
  const { admits, prepare } = sample;
  const isLetIn = outcomeWhileActive(route, { admits, prepare }, name) === route.response.status;
  return isLetIn ? (refused.app ?? whileActive) : whileActive;
}

/** The result that the declaration implies for a call. */
export const expectedOutcome = (route: Route, sample: SampleCall, name: CallerName): number | ErrorCode =>
  (sample.whileInactive ? outcomeWhileInactive : outcomeWhileActive)(route, sample, name);

/** Whether the caller presents the token of a live session. */
const isSignedIn = (name: CallerName): boolean => name in standings && name !== 'machine';

/** The expected result for an access token if a session is required. */
function refusalOfAccessToken({ access, operationId }: Route, name: CallerName): ErrorCode | undefined {
  if (!isByAccessToken(name) || acceptingAccessTokens.has(operationId)) return undefined;
  if (access.target === 'public') return access.acceptsSession ? 'session_required' : undefined;
  if (operationId === 'introspectToken') return undefined;
  return access.target === 'platform' ? 'unauthenticated' : 'session_required';
}

/** The response to a machine user of an organization from routes that do not accept such callers. */
function refusalOfOrganizationMachine({ access, operationId }: Route, name: CallerName): ErrorCode | undefined {
  if (!isByOrganizationMachine(name) || acceptingOrganizationMachines.has(operationId)) return undefined;
  if (access.target === 'public') return access.acceptsSession ? 'unauthenticated' : undefined;
  if (access.target === 'platform') return 'unauthenticated';
  return access.principals.every((principal) => principal === 'GENERIC_MACHINE_USER')
    ? 'access_denied'
    : 'human_required';
}

function outcomeWhileActive(route: Route, sample: SampleCall, caller: CallerName): number | ErrorCode {
  const { access, response } = route;
  const refusalOfToken = refusalOfAccessToken(route, caller) ?? refusalOfOrganizationMachine(route, caller);
  if (refusalOfToken !== undefined) return refusalOfToken;
  const name = equalOf(caller);
  const special = sample.outcomes?.[caller] ?? sample.outcomes?.[name];
  if (special !== undefined) return special;
  if (access.target === 'public')
    return access.acceptsSession && name !== 'none' && !isSignedIn(name) ? 'unauthenticated' : response.status;
  if (access.target === 'platform') return name === 'operator' ? response.status : 'unauthenticated';
  if (name === 'mailedToken') return refusalOfMailedToken(access);
  const refusal = refusalOf(access, name);
  if (refusal !== undefined || !sample.needs) return refusal ?? response.status;
  const { access: needed, otherwise, otherwiseTo } = sample.needs;
  if (needed.target === 'public' || needed.target === 'platform') return response.status;
  return refusalOf(needed, name) === undefined ? response.status : (otherwiseTo?.[name] ?? otherwise);
}
