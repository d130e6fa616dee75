import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { sql } from '../db/db.ts';
import { isMutation } from '../calls/route.ts';
import { type Case, cases } from './samples/samples.ts';
import { perform, type Prepared } from './samples/sample.ts';
import { createStage, type Stage } from './samples/stage.ts';
import { openTestDatabase } from './database.ts';
import { badAddresses } from './email-addresses.ts';
import { buildTestApp, type TestApp } from './setup.ts';
import { createWorld, faults } from './world/world.ts';

/** The path to a field of a body or query. */
type Path = readonly string[];

/** Names of fields that contain an address. */
const isAddress = /email$|^fromAddress$|^replyTo$/i;

const isFlag = (property: z.core.JSONSchema._JSONSchema): boolean =>
  typeof property === 'object' && property.type === 'boolean';

/** The paths of all fields that contain an address. */
function addressesIn(schema: z.ZodType | undefined): Path[] {
  if (schema === undefined) return [];
  const root = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const search = (part: z.core.JSONSchema._JSONSchema, path: readonly string[]): Path[] => {
    if (typeof part !== 'object') return [];
    const definition = root.$defs?.[part.$ref?.replace('#/$defs/', '') ?? ''];
    const inside = [
      ...(definition ? [definition] : []),
      ...(part.anyOf ?? []),
      ...(part.allOf ?? []),
      ...(part.oneOf ?? []),
    ];
    const here = Object.entries(part.properties ?? {}).flatMap(([name, property]): Path[] =>
      isAddress.test(name) && !isFlag(property) ? [[...path, name]] : search(property, [...path, name]),
    );
    return [...here, ...inside.flatMap((other) => search(other, path))];
  };
  return search(root, []);
}

/** Text to search for is not an address. */
const withoutAddresses = new Set(['searchOrganizationUsers']);

interface Entrance extends Case {
  readonly part: 'body' | 'query';
  readonly path: Path;
}

/** Every field of every route that takes an address, in one sample call. */
const entrances: readonly Entrance[] = cases
  .filter(({ route }, index) => cases.findIndex((other) => other.route === route) === index)
  .filter(({ route }) => !withoutAddresses.has(route.operationId))
  .flatMap((found) =>
    (['body', 'query'] as const).flatMap((part) =>
      addressesIn(found.route[part]).map((path): Entrance => ({
        ...found,
        name: `${found.route.operationId} ${path.join('.')}`,
        part,
        path,
      })),
    ),
  );

function withValue(object: unknown, [name, ...rest]: readonly string[], value: string): Record<string, unknown> {
  const known = (object ?? {}) as Readonly<Record<string, unknown>>;
  if (name === undefined) return known;
  return { ...known, [name]: rest.length > 0 ? withValue(known[name], rest, value) : value };
}

let app: TestApp;
let stage: Stage;

beforeAll(async () => {
  app = await buildTestApp({ db: await openTestDatabase() });
  stage = await createStage(await createWorld(app));
});
afterAll(() => app?.close());

it('these fields, at least, take an address', () => {
  expect(entrances.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'acceptInvitation email',
      'acceptInvitationByPost email',
      'addSuperAdmin email',
      'createApp adminEmail',
      'createApp settings.mail.fromAddress',
      'inviteManager email',
      'inviteMember email',
      'inviteOwner email',
      'listOrganizationsByEmail email',
      'requestEmailChange newEmail',
      'requestPasswordReset email',
      'requestSignInCode email',
      'resetPassword email',
      'setupOrganization adminEmail',
      'signIn email',
      'signUp email',
      'updateApp settings.mail.replyTo',
      'updateAppSettings mail.replyTo',
    ]),
  );
});

describe.each(entrances)('$name', ({ route, sample, part, path }) => {
  it('refuses everything that is not exactly an address, and changes nothing', async () => {
    const prepared = await sample.prepare(stage);
    const users = () => app.db.query(sql`SELECT id, email FROM users ORDER BY id`);
    const before = await users();
    const outcomes: string[] = [];
    for (const [reason, address] of badAddresses) {
      const changed: Prepared = { ...prepared, [part]: withValue(prepared[part], path, address) };
      const response = await perform(stage.world, route, changed, { token: prepared.as.token });
      const pointers = response.statusCode === 400 ? Object.keys(faults(response)) : [];
      if (!pointers.includes(`/${part}/${path.join('/')}`)) outcomes.push(`${reason}: ${response.statusCode}`);
    }
    expect(outcomes).toEqual([]);
    expect(isMutation(route) ? await users() : before).toEqual(before);
  });
});
