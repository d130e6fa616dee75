import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { callOf, createWorld, password, type Person, type World } from '../test/world/world.ts';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';

const users = '/v1/authentication/users';
const sessions = `${users}/sessions`;
const ofApp = '/v1/authorization/users';
const newPassword = 'Another@password-of-the-owner';

/** Two processes on one database. */
let app: TestApp;
let other: TestApp;
let world: World;

beforeAll(async () => {
  app = await buildTestApp();
  other = await buildTestApp({ db: app.db, clock: app.clock });
  world = await createWorld(app);
});
afterAll(async () => {
  await other?.app.close();
  await app?.close();
});

/** A person with two sessions. The first one makes the call, if the case has a call of the person. */
interface TwoSessions extends Person {
  readonly of: World;
  readonly second: Person;
}

async function twoSessions(of: World, person: Person): Promise<TwoSessions> {
  return { ...person, of, second: await of.signIn(person.email) };
}

/** Whether each session is valid, by each process. Each process was called before, so that its caches are filled. */
async function alive({ of, token, second }: TwoSessions): Promise<boolean[][]> {
  const ask = ({ app: service }: TestApp, bearer: string) =>
    callOf(service, of.appName)('GET', `${users}/me`, { token: bearer });
  return Promise.all(
    [app, other].map(async (process) => {
      const answers = await Promise.all([token, second.token].map((bearer) => ask(process, bearer)));
      return answers.map(({ statusCode }) => statusCode === 200);
    }),
  );
}

async function resetCode(of: World, email: string): Promise<string> {
  await of.call('POST', `${users}/password/reset-request/email`, { body: { email } });
  await sendPasswordResets.run(app.services, new AbortController().signal);
  const { code } = await of.mail(email);
  return code ?? '';
}

async function reset({ of, email }: TwoSessions) {
  const body = { email, verificationCode: await resetCode(of, email), newPassword };
  return of.call('PUT', `${users}/password`, { body });
}

/** An organization whose first owner is invited by an address that nobody has verified. */
async function acceptInvitation({ of, email }: TwoSessions) {
  const names = { orgName: `Organization of ${email}`, adminFirstName: 'Jon', adminLastName: 'Doe', adminEmail: email };
  const url = '/v1/authorization/organizations/setup';
  const { orgId } = (await of.call('POST', url, { token: of.admin.token, body: names })).json<{ orgId: string }>();
  const { code } = await of.mail(email);
  return of.call('PUT', `${users}/invite`, { body: { orgId, email, verificationCode: code, newPassword } });
}

async function changeEmail({ of, token, userId }: TwoSessions) {
  const newEmail = `new-${userId}@example.com`;
  await of.call('POST', `${users}/me/email`, { token, body: { newEmail, currentPassword: password } });
  const { code } = await of.mail(newEmail);
  return of.call('PUT', `${users}/me/email`, { token, body: { verificationCode: code } });
}

const setApp = (status: string) => (of: World) => of.operate('PATCH', `/v1/platform/apps/${of.appName}`, { status });

interface Ending {
  readonly event: string;
  readonly end: (person: TwoSessions) => Promise<{ statusCode: number } | void>;
  /** Whether the address of the person is verified. Default: true. */
  readonly verified?: boolean;
  /** The remaining sessions: the calling one, and the other one. */
  readonly left: readonly [first: boolean, second: boolean];
}

const endings: readonly Ending[] = [
  {
    event: 'signing out',
    end: ({ of, token, sessionId }) => of.call('DELETE', `${sessions}/${sessionId}`, { token }),
    left: [false, true],
  },
  {
    event: 'signing out of another session',
    end: ({ of, token, second }) => of.call('DELETE', `${sessions}/${second.sessionId}`, { token }),
    left: [true, false],
  },
  {
    event: 'ending all others',
    end: ({ of, token }) => of.call('DELETE', `${users}/me/sessions`, { token }),
    left: [true, false],
  },
  {
    event: 'ending all',
    end: ({ of, token }) => of.call('DELETE', `${users}/me/sessions?includeCurrent=true`, { token }),
    left: [false, false],
  },
  {
    event: 'a super admin ending those of a user',
    end: ({ of, userId }) => of.call('DELETE', `${users}/${userId}/sessions`, { token: of.admin.token }),
    left: [false, false],
  },
  {
    event: 'a machine ending those of a user',
    end: async ({ of, userId }) =>
      of.call('DELETE', `${users}/${userId}/sessions`, { token: (await of.machine()).token }),
    left: [false, false],
  },
  {
    event: 'changing the password',
    end: ({ of, userId, token }) =>
      of.call('PUT', `${users}/${userId}/password`, { token, body: { currentPassword: password, newPassword } }),
    left: [true, false],
  },
  { event: 'resetting the password', end: reset, left: [false, false] },
  { event: 'claiming an unproven account by a reset', verified: false, end: reset, left: [false, false] },
  {
    event: 'claiming an unproven account by an invitation',
    verified: false,
    end: acceptInvitation,
    left: [false, false],
  },
  { event: 'changing the e-mail address', end: changeEmail, left: [true, false] },
  {
    event: 'deactivating the user',
    end: ({ of, userId }) => of.call('POST', `${ofApp}/${userId}/deactivate`, { token: of.admin.token }),
    left: [false, false],
  },
  {
    event: 'deleting the user',
    end: ({ of, userId }) => of.call('DELETE', `${ofApp}/${userId}`, { token: of.admin.token }),
    left: [false, false],
  },
  {
    event: 'deleting oneself',
    end: ({ of, token }) => of.call('DELETE', `${users}/me`, { token, body: { currentPassword: password } }),
    left: [false, false],
  },
  { event: 'deactivating the app', end: ({ of }) => setApp('INACTIVE')(of), left: [false, false] },
];

describe('every session that is to end, ends at once on every process:', () => {
  test.each(endings)('$event', async ({ end, verified = true, left }) => {
    const of = await createWorld(app);
    const person = await twoSessions(of, await of.person({ verified }));
    const bystander = await twoSessions(world, await world.person());
    const all = [true, true];
    expect(await alive(person)).toEqual([all, all]);
    const answer = await end(person);
    expect(answer?.statusCode).toBeLessThan(300);
    expect(await alive(person)).toEqual([left, left]);
    expect(await alive(bystander)).toEqual([all, all]);
  });

  test('the idle lifetime ends a session on every process', async () => {
    const of = await createWorld(app, { settings: { sessionIdleSeconds: 100 } });
    const person = await twoSessions(of, await of.person());
    app.clock.advance(99_000);
    await of.call('GET', `${users}/me`, { token: person.token });
    app.clock.advance(1_000);
    const left = [true, false];
    expect(await alive(person)).toEqual([left, left]);
  });
});

describe('a session cannot begin while another call ends it:', () => {
  const signIn = (process: TestApp, email: string) =>
    callOf(process.app, world.appName)('POST', sessions, { body: { email, password } });

  test('sign-ins that compared the old password while it was reset', async () => {
    const person = await twoSessions(world, await world.person());
    const code = await resetCode(world, person.email);
    const body = { email: person.email, verificationCode: code, newPassword };
    const [answer, ...signIns] = await Promise.all([
      world.call('PUT', `${users}/password`, { body }),
      ...Array.from({ length: 20 }, (_, index) => signIn(index % 2 ? app : other, person.email)),
    ]);
    expect(answer?.statusCode).toBe(200);
    const tokens = signIns.flatMap((response) =>
      response.statusCode === 201 ? [response.json<{ sessionToken: string }>().sessionToken] : [],
    );
    const answers = await Promise.all(tokens.map((token) => world.call('GET', `${users}/me`, { token })));
    expect(answers.map(({ statusCode }) => statusCode).filter((status) => status !== 401)).toEqual([]);
    const rows = await app.db.query(sql`SELECT 1 FROM sessions WHERE user_id = ${person.userId}`);
    expect(rows).toEqual([]);
  });

  test('sign-ins while the user is deactivated, even after the reactivation', async () => {
    const person = await twoSessions(world, await world.person());
    const set = (verb: string) => world.call('POST', `${ofApp}/${person.userId}/${verb}`, { token: world.admin.token });
    const [, ...signIns] = await Promise.all([
      set('deactivate'),
      ...Array.from({ length: 10 }, (_, index) => signIn(index % 2 ? app : other, person.email)),
    ]);
    expect((await set('reactivate')).statusCode).toBe(200);
    const tokens = signIns.flatMap((response) =>
      response.statusCode === 201 ? [response.json<{ sessionToken: string }>().sessionToken] : [],
    );
    const answers = await Promise.all(tokens.map((token) => world.call('GET', `${users}/me`, { token })));
    expect(answers.filter(({ statusCode }) => statusCode !== 401)).toEqual([]);
  });

  test('uses of a session that is just ended do not bring it back', async () => {
    const person = await twoSessions(world, await world.person());
    app.clock.advance(61_000);
    await Promise.all([
      ...Array.from({ length: 10 }, () => alive(person)),
      world.call('DELETE', `${users}/${person.userId}/sessions`, { token: world.admin.token }),
    ]);
    expect(await alive(person)).toEqual([
      [false, false],
      [false, false],
    ]);
  });
});

test('uses at the same time note one use', async () => {
  const person = await twoSessions(world, await world.person());
  app.clock.advance(61_000);
  const versionOf = async () => {
    const [row] = await app.db.query<{ seen: Date; version: string }>(sql`
      SELECT last_seen_at AS seen, xmin::text AS version FROM sessions WHERE id = ${person.sessionId}`);
    return row;
  };
  await Promise.all(Array.from({ length: 10 }, () => alive(person)));
  const noted = await versionOf();
  expect(noted?.seen).toEqual(app.clock.now());
  app.clock.advance(59_000);
  await Promise.all(Array.from({ length: 10 }, () => alive(person)));
  expect(await versionOf()).toEqual(noted);
});
