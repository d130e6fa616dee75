import type { Client } from 'pg';
import { searchKey } from '../../server/src/search/search-key.ts';
import { searchableEmail, searchableName, toSearchColumns } from '../../server/src/search/search-row.ts';
import { copy, withLoader, withoutIndexes } from './copy.ts';
import { commonName, type Name, peopleOfRareName, rareNames } from './names.ts';

/** Size of an app; see `sizeOf`. */
export interface Size {
  readonly users: number;
  readonly organizations: number;
  readonly events: number;
}

/**
 * Ten users an organization and ten events a user: a million users, a hundred thousand organizations, ten million
 * events.
 */
export const sizeOf = (users: number): Size => ({ users, organizations: users / 10, events: users * 10 });

/** One user in five is in the largest organization. */
const shareOfLargest = 5;

const firstId = 100_000_000_000_000_000n;
const kinds = { user: 1n, organization: 2n, member: 3n, event: 4n, session: 5n } as const;
/** Ids with the layout of the service: the varying bits are those of the time. */
const id = (kind: keyof typeof kinds, index: number): bigint => firstId + (BigInt(index) << 22n) + kinds[kind];

export const largestOrganization = String(id('organization', 0));
export const userId = (index: number): string => String(id('user', index));

const start = Date.UTC(2026, 0, 1);
const later = new Date(Date.UTC(2100, 0, 1));
const monthMs = 30 * 86_400_000;
/** The time of an event or a user among `count`: spread over ten months. */
export const timeOf = (index: number, count: number): Date =>
  new Date(start + Math.floor((index / count) * 10 * monthMs));

/** Pseudorandom numbers that are equal in every run. */
const scatter = (index: number): number => Math.imul(index ^ 0x9e3779b9, 0x85ebca6b) >>> 0;

/** Members of the largest organization, spread among all users. */
const isInLargest = (index: number): boolean => index % shareOfLargest === 0;

function nameAt(index: number, { users }: Size): Name {
  const rank = Math.floor(index / shareOfLargest);
  const stride = Math.floor(users / shareOfLargest / (rareNames.length * peopleOfRareName));
  const rare = isInLargest(index) && rank % stride === 0 ? rank / stride : Number.POSITIVE_INFINITY;
  const rareName = rare < rareNames.length * peopleOfRareName ? rareNames[rare % rareNames.length] : undefined;
  return rareName ?? commonName(rank + (index % shareOfLargest) * 7);
}

const emailAt = (index: number): string => `person.${scatter(index).toString(36)}.${index}@mail-${index % 97}.example`;

function* userRows(appId: string, size: Size) {
  for (let index = 0; index < size.users; index += 1) {
    const { first, last } = nameAt(index, size);
    const [email, time] = [emailAt(index), timeOf(index, size.users)];
    yield [appId, id('user', index), email, email, true, first, last, 'ACTIVE', time, time] as const;
  }
}

function* organizationRows(appId: string, size: Size) {
  for (let index = 0; index < size.organizations; index += 1) {
    const { last } = commonName(index);
    const [name, time] = [`${last} ${index}`, timeOf(index, size.organizations)];
    yield [appId, id('organization', index), name, searchKey(name), 'Active', time, time] as const;
  }
}

interface Membership {
  readonly organization: number;
  readonly user: number;
  readonly isOwner: boolean;
}

/** The first member of an organization owns it. */
function* memberships(size: Size): Generator<Membership> {
  const others = size.organizations - 1;
  for (let user = 0; user < size.users; user += 1) {
    if (isInLargest(user)) yield { organization: 0, user, isOwner: user === 0 };
    else {
      const place = user - Math.floor(user / shareOfLargest) - 1;
      yield { organization: 1 + (place % others), user, isOwner: place < others };
    }
  }
}

function* memberRows(appId: string, size: Size) {
  let index = 0;
  for (const { organization, user, isOwner } of memberships(size)) {
    const [orgId, time] = [id('organization', organization), timeOf(user, size.users)];
    yield [appId, orgId, id('user', user), id('member', index), isOwner, user % 50 === 1, true, time] as const;
    index += 1;
  }
}

const scopes = ['global:reader', 'global:writer', 'editor'] as const;

/** All members read. Some can also write, or edit with a role of the organization. */
function* memberRoleRows(appId: string, size: Size) {
  for (const { organization, user } of memberships(size)) {
    const orgId = id('organization', organization);
    const rank = Math.floor(user / shareOfLargest);
    for (const [index, key] of scopes.entries()) {
      if (rank % (index * 9 + 1) !== 0) continue;
      yield [appId, orgId, id('user', user), key === 'editor' ? orgId : 0, key, timeOf(user, size.users)] as const;
    }
  }
}

function* roleRows(appId: string, size: Size) {
  const time = timeOf(0, 1);
  for (const key of ['global:reader', 'global:writer'])
    yield [appId, 0, key, key, '{documents:read}', time, time] as const;
  for (let index = 0; index < size.organizations; index += 1) {
    yield [appId, id('organization', index), 'editor', 'Editor', '{documents:edit}', time, time] as const;
  }
}

/** Names repeat, so their parts are computed once. */
const searchableNames = new Map<string, ReturnType<typeof searchableName>>();

function searchableOnce({ first, last }: Name): ReturnType<typeof searchableName> {
  const name = `${first} ${last}`;
  const made = searchableNames.get(name) ?? searchableName(name);
  searchableNames.set(name, made);
  return made;
}

function* memberSearchRows(appId: string, size: Size) {
  let index = 0;
  for (const { organization, user } of memberships(size)) {
    const orgId = id('organization', organization);
    const name = searchableOnce(nameAt(user, size));
    const { nameKey, emailKey, parts } = toSearchColumns(String(orgId), name, searchableEmail(emailAt(user)));
    yield [appId, id('user', user), orgId, id('member', index), nameKey, emailKey, parts] as const;
    index += 1;
  }
}

const actions = [
  'session.created',
  'member.role_granted',
  'organization.updated',
  'user.updated',
  'access.denied',
] as const;
/** Rare enough that a filter by it finds few events among many. */
const rareAction = 'organization.deactivated';

/** Every fifth event belongs to the largest organization. */
function* eventRows(appId: string, size: Size) {
  for (let index = 0; index < size.events; index += 1) {
    const random = scatter(index);
    const organization = index % 5 === 0 ? 0 : 1 + (random % (size.organizations - 1));
    const actor = random % size.users;
    const action = index % (size.events / 100) === 5 ? rareAction : actions[random % actions.length];
    yield [
      appId,
      id('event', index),
      id('organization', organization),
      timeOf(index, size.events),
      action ?? '',
      'user',
      id('user', actor),
      'user',
      id('user', (actor + 1) % size.users),
      `192.0.2.${random % 256}`,
      'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
      `request-${index}`,
      '{roles}',
    ] as const;
  }
}

/** Every other user is signed in, with an unknown token. */
function* sessionRows(appId: string, size: Size) {
  for (let index = 0; index < size.users; index += 2) {
    const hash = `\\x${String(index).padStart(64, '0')}`;
    const time = timeOf(index, size.users);
    yield [appId, id('session', index), id('user', index), hash, '{pwd}', time, time, time, later, later] as const;
  }
}

const columns = {
  users: 'app_id id email email_key is_email_verified first_name last_name state created_at updated_at',
  organizations: 'app_id id name name_key status created_at updated_at',
  roles: 'app_id scope_id key display_name permissions created_at updated_at',
  members: 'app_id org_id user_id id is_owner is_manager is_searchable created_at',
  member_roles: 'app_id org_id user_id scope_id role_key created_at',
  member_search: 'app_id user_id org_id member_id name_key email_key parts',
  sessions: 'app_id id user_id token_hash amr authenticated_at created_at last_seen_at expires_at idle_expires_at',
  audit_events:
    'app_id id org_id time action actor_kind actor_id target_kind target_id ip user_agent request_id changes',
} as const;

const rowsOf = {
  users: userRows,
  organizations: organizationRows,
  roles: roleRows,
  members: memberRows,
  member_roles: memberRoleRows,
  member_search: memberSearchRows,
  sessions: sessionRows,
  audit_events: eventRows,
} as const;

/** The totals that the service stores when it adds and removes rows. */
const totals = [
  `DELETE FROM app_counts`,
  `INSERT INTO app_counts (app_id, noun, slot, total)
     SELECT app_id, 'users', (id >> 22) & 7, count(*) FROM users GROUP BY 1, 3
     UNION ALL SELECT app_id, 'organizations', (id >> 22) & 7, count(*) FROM organizations GROUP BY 1, 3`,
  `DELETE FROM member_counts`,
  `INSERT INTO member_counts (app_id, org_id, slot, total)
     SELECT app_id, org_id, (user_id >> 22) & 7, count(*) FROM members GROUP BY 1, 2, 3`,
];

async function fill(client: Client, appId: string, size: Size, note: (text: string) => void): Promise<void> {
  for (const [table, rows] of Object.entries(rowsOf)) {
    const names = columns[table as keyof typeof columns].split(' ');
    const began = performance.now();
    const count = await copy(client, table, names, rows(appId, size));
    note(`  ${table}: ${count} rows in ${((performance.now() - began) / 1000).toFixed(1)} s`);
  }
}

/** Fills an app by COPY with people, organizations, memberships, search index rows and events. */
export async function generate(url: string, appId: string, size: Size, note: (text: string) => void): Promise<void> {
  await withLoader(url, async (client) => {
    await withoutIndexes(client, Object.keys(rowsOf), () => fill(client, appId, size, note));
    for (const statement of totals) await client.query(statement);
    await client.query('VACUUM (ANALYZE)');
    // Otherwise, the database writes these data while the first requests are measured.
    await client.query('CHECKPOINT');
  });
}
