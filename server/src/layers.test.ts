import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from 'vitest';

// The rules for imports between files. ARCHITECTURE.md has the reason. Imports of types count.

/** The rooms, and the files outside of rooms, from the lowest. A file imports only its own room and earlier ones. */
const order = `
  http clock.ts database-url.ts smtp-url.ts config-variables.ts config.ts listening.ts second-listener.ts
  task-runs.ts
  db database-clock.ts database-failures.ts ids.ts counts.ts metadata.ts promptly.ts in-batches.ts log.ts version.ts
  keys limits passwords access calls lists openapi mail-texts page-texts outbox
  apps branding codes email devices search users sessions roles organizations members
  machine-users organization-machine-users api-keys tokens idempotency identity-providers invitations audit
  passkeys factors sign-in accounts passwordless exchanges federation reauthentication not-me super-admins
  pages sign-in-pages account-pages organization-pages platform
  credential-lookups.ts background.ts background-tasks.ts routes.ts app.ts bootstrap.ts
  deployment.ts operate signals.ts terminal.ts serve.ts workers.ts operate.ts young-generation.ts main.ts`
  .trim()
  .split(/\s+/);

/** Rooms without a noun of the API. All later rooms may import any of their files. */
const foundations = new Set(order.slice(0, order.indexOf('apps')));

/** Routes that call a flow of a higher room. */
const upward: Readonly<Record<string, readonly string[]>> = {
  'apps/app-metadata.routes.ts': ['identity-providers'],
  'apps/apps.routes.ts': ['accounts'],
  'apps/settings.routes.ts': ['accounts', 'email'],
  'branding/organization-branding.routes.ts': ['organizations'],
  'factors/reset-factors.routes.ts': ['accounts'],
  'identity-providers/identity-providers.routes.ts': ['federation'],
  'invitations/invitations.routes.ts': ['sign-in', 'accounts'],
  'machine-users/machine-users.routes.ts': ['api-keys'],
  'members/leave-organization.routes.ts': ['invitations', 'organization-machine-users', 'api-keys'],
  'members/managers.routes.ts': ['invitations', 'organization-machine-users'],
  'members/member-changes.routes.ts': ['invitations', 'organization-machine-users', 'api-keys'],
  'members/members.routes.ts': ['invitations'],
  'organizations/create-organization.routes.ts': ['members'],
  'organizations/lifecycle.routes.ts': ['invitations'],
  'organizations/organizations.routes.ts': ['invitations'],
  'organizations/security.routes.ts': ['members'],
  'roles/permissions.routes.ts': ['organizations'],
  'roles/predefined-roles.routes.ts': ['invitations'],
  'roles/roles.routes.ts': ['organizations', 'invitations'],
  'sessions/sessions.routes.ts': ['accounts'],
  'sign-in/sign-in.routes.ts': ['passwordless'],
  'users/app-users.routes.ts': ['sessions', 'organization-machine-users', 'api-keys', 'accounts'],
  'users/users.routes.ts': ['sessions', 'members', 'sign-in', 'accounts'],
};

/** Exports that stores of other nouns may use: neither rules nor routes. */
const vocabularies = new Set(['identity-providers/provider-types.ts', 'search/search-key.ts']);

const mostLinesOfRoom = 2000;

const sources = fileURLToPath(new URL('.', import.meta.url));
const isProduct = (file: string) =>
  /\.(?:ts|js)$/.test(file) && !file.endsWith('.test.ts') && !file.startsWith('test/') && !file.includes('migrations/');
const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).filter(isProduct).toSorted();

const roomOf = (file: string): string => (file.includes('/') ? dirname(file) : file);
const linesOf = (file: string): number => readFileSync(join(sources, file), 'utf8').split('\n').length - 1;

/** The files that a file imports or whose types it names. */
function importsOf(file: string): string[] {
  const source = readFileSync(join(sources, file), 'utf8');
  const named = [...source.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*'(\.[^']+)'/g)].map(([, name]) => String(name));
  return named.map((name) => join(dirname(file), name)).filter((name) => !name.startsWith('..'));
}

const imports = new Map(files.map((file) => [file, importsOf(file)]));
const edges = files.flatMap((file) => (imports.get(file) ?? []).map((imported) => [file, imported] as const));
const told = (some: readonly (readonly [string, string])[]) => some.map(([file, imported]) => `${file} -> ${imported}`);
const rank = (file: string): number => order.indexOf(roomOf(file));
const isUpward = ([file, imported]: readonly [string, string]) => rank(imported) > rank(file);

/** The files from which `file` can be reached again through imports. */
function circleOf(file: string): string[] {
  const seen = new Set<string>();
  const open = [...(imports.get(file) ?? [])];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    open.push(...(imports.get(next) ?? []));
  }
  return seen.has(file) ? [file] : [];
}

test('every room has its place in the order, and every place its room', () => {
  expect(order.toSorted()).toEqual([...new Set(files.map(roomOf))].toSorted());
});

test('no file is reached again through its own imports', () => {
  expect(files.flatMap(circleOf)).toEqual([]);
});

describe('an import leads down', () => {
  it('except from routes that are listed', () => {
    const unlisted = edges.filter(isUpward).filter(([file, imported]) => !upward[file]?.includes(roomOf(imported)));
    expect(told(unlisted)).toEqual([]);
  });

  it('the list of exceptions names only routes that need the exception', () => {
    const needed = new Set(edges.filter(isUpward).map(([file, imported]) => `${file} -> ${roomOf(imported)}`));
    const listed = Object.entries(upward).flatMap(([file, rooms]) => rooms.map((room) => `${file} -> ${room}`));
    expect(listed.filter((entry) => !needed.has(entry))).toEqual([]);
    expect(Object.keys(upward).filter((file) => !file.endsWith('.routes.ts'))).toEqual([]);
  });
});

describe('imports from the folder of another noun', () => {
  const toOtherNoun = edges.filter(
    ([file, imported]) => roomOf(file) !== roomOf(imported) && !foundations.has(roomOf(imported)),
  );

  it('a store imports stores and schemas', () => {
    const others = toOtherNoun.filter(
      ([file, imported]) =>
        file.endsWith('.store.ts') && !/\.(?:store|schema)\.ts$/.test(imported) && !vocabularies.has(imported),
    );
    expect(told(others)).toEqual([]);
  });

  it('a schema imports schemas', () => {
    const others = toOtherNoun.filter(
      ([file, imported]) =>
        file.endsWith('.schema.ts') && !imported.endsWith('.schema.ts') && !vocabularies.has(imported),
    );
    expect(told(others)).toEqual([]);
  });
});

test('only the table of contents imports routes', () => {
  const others = edges.filter(([file, imported]) => imported.endsWith('.routes.ts') && file !== 'routes.ts');
  expect(told(others)).toEqual([]);
});

test(`no room has more than ${mostLinesOfRoom} lines`, () => {
  const sizes = order.map((room) => {
    const own = files.filter((file) => roomOf(file) === room);
    return { room, lines: own.reduce((sum, file) => sum + linesOf(file), 0) };
  });
  expect(sizes.filter(({ lines }) => lines > mostLinesOfRoom)).toEqual([]);
});
