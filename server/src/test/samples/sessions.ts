import { hash } from 'node:crypto';
import { expect } from 'vitest';
import { sql } from '../../db/db.ts';
import { human, nobody, robot, type SampleCalls } from './sample.ts';
import type { Stage } from './stage.ts';
import { addDevices, addressing, freshMember, humans, inviteTo } from './users.ts';
import { enableSignInCodes, type SentCode, sentCode } from '../world/sign-in-codes.ts';
import { password, type World } from '../world/world.ts';

/** More live sessions than a user may have. */
async function addSessions({ test, appId }: World, userId: string): Promise<void> {
  await test.db.query(sql`
    INSERT INTO sessions (app_id, id, user_id, token_hash, amr, authenticated_at, created_at, last_seen_at, expires_at,
      idle_expires_at)
    SELECT app_id, id + n, user_id, sha256((id + n)::text::bytea), amr, authenticated_at, created_at, last_seen_at,
      expires_at, idle_expires_at
    FROM sessions, generate_series(1, 110) AS n WHERE app_id = ${appId} AND user_id = ${userId}`);
}

const returnTo = 'http://localhost:4000/signed-in';
const verifier = 'v'.repeat(43);
const challengeOf = (secret: string): string => hash('sha256', secret, 'base64url');

/** Mails a code to sign in to an address. */
async function codeToSignIn({ world }: Stage, email: string): Promise<SentCode> {
  await enableSignInCodes(world);
  return sentCode(world, email, { ip: '127.0.0.1' });
}

/** Sample calls about sessions. */
export const samplesOfSessions: SampleCalls = {
  createExchangeCode: [
    {
      admits: humans,
      prepare: ({ stranger }) => ({ as: human(stranger), body: { returnTo, codeChallenge: challengeOf(verifier) } }),
    },
  ],
  exchangeSession: [
    {
      admits: 'everyone',
      target: ['session', 'sessionId'],
      foreign: 'code_invalid',
      foreignIn: { 'body.returnTo': 'code_invalid' },
      prepare: async ({ world, member }) => {
        const options = { token: member.token, body: { returnTo, codeChallenge: challengeOf(verifier) } };
        const created = await world.call('POST', '/v1/authentication/users/me/exchange-codes', options);
        const { code } = created.json<{ code: string }>();
        // Some tests wait longer than the minute of a code.
        await world.test.db.query(sql`
          UPDATE session_exchanges SET expires_at = expires_at + interval '1 day' WHERE app_id = ${world.appId}`);
        return { as: { ...nobody, id: member.userId }, body: { code, codeVerifier: verifier, returnTo } };
      },
    },
  ],
  signIn: [
    {
      admits: 'everyone',
      target: ['session', 'sessionId'],
      foreign: 'invalid_credentials',
      prepare: ({ member }) => ({ as: nobody, body: { email: member.email, password } }),
    },
    {
      title: 'with a mailed code',
      admits: 'everyone',
      target: ['session', 'sessionId'],
      foreign: 'code_invalid',
      prepare: async (stage) => {
        // Another user has the maximum number of codes.
        for (let count = 0; count < 3; count += 1) await codeToSignIn(stage, stage.stranger.email);
        const { userId, email } = await freshMember(stage);
        const { code } = await codeToSignIn(stage, email);
        return { as: { ...nobody, id: userId }, body: { email, verificationCode: code } };
      },
    },
    {
      title: 'with the link of a mail, in the browser that asked',
      admits: 'everyone',
      target: ['session', 'sessionId'],
      foreign: 'code_invalid',
      prepare: async (stage) => {
        const { userId, email } = await freshMember(stage);
        const { longCode, browser } = await codeToSignIn(stage, email);
        const headers = { cookie: browser.cookie };
        return { as: { ...nobody, id: userId }, headers, body: { email, verificationCode: longCode } };
      },
    },
    {
      title: 'with a mailed code, to an account that is not claimed and is invited',
      admits: 'everyone',
      target: ['session', 'sessionId'],
      foreign: 'code_invalid',
      tellsMore: ['invitation.accepted'],
      prepare: async (stage) => {
        const { userId, email } = await stage.world.person({ verified: false });
        await inviteTo(stage, email);
        const { code } = await codeToSignIn(stage, email);
        return { as: { ...nobody, id: userId }, body: { email, verificationCode: code } };
      },
    },
    {
      title: 'from one device too many',
      admits: 'everyone',
      target: ['session', 'sessionId'],
      foreign: 'invalid_credentials',
      prepare: async (stage) => {
        const { userId, email } = await freshMember(stage);
        await addDevices(stage.world, userId);
        return { as: { ...nobody, id: userId }, body: { email, password } };
      },
    },
    {
      title: 'with the cookie of a session of theirs',
      admits: 'everyone',
      target: ['session', 'sessionId'],
      action: 'session.renewed',
      foreign: 'invalid_credentials',
      prepare: async (stage) => {
        const { userId, email, token } = await freshMember(stage);
        const headers = { cookie: `session-token=${token}` };
        return { as: { ...nobody, id: userId }, headers, body: { email, password } };
      },
    },
    {
      title: 'with the cookie of somebody else, and more sessions than anybody may have',
      admits: 'everyone',
      target: ['session', 'sessionId'],
      foreign: 'invalid_credentials',
      prepare: async (stage) => {
        const { userId, email } = await freshMember(stage);
        await addSessions(stage.world, userId);
        const headers = { cookie: `session-token=${stage.stranger.token}` };
        return {
          as: { ...nobody, id: userId },
          headers,
          body: { email, password },
          bystanders: [stage.stranger.userId],
        };
      },
    },
    {
      title: 'with a session already, beside a user with the maximum number of sessions',
      admits: 'everyone',
      target: ['session', 'sessionId'],
      foreign: 'invalid_credentials',
      prepare: async (stage) => {
        const { userId, email } = await freshMember(stage);
        await addSessions(stage.world, (await freshMember(stage)).userId);
        return { as: { ...nobody, id: userId }, body: { email, password } };
      },
      afterwards: async ({ world }, { as }) => {
        const sessions = await world.test.db.query(sql`
          SELECT 1 FROM sessions WHERE app_id = ${world.appId} AND user_id = ${as.id}`);
        expect(sessions).toHaveLength(2);
      },
    },
  ],
  requestSignInCode: [
    {
      admits: 'everyone',
      prepare: async ({ world }) => {
        await enableSignInCodes(world);
        const { email } = await world.person();
        return { as: nobody, body: { email, signInUrl: 'http://localhost/sign-in?code={{code}}' } };
      },
    },
  ],
  signOut: [
    {
      admits: ['addressed'],
      target: ['session', 'sessionId'],
      prepare: async (stage) => {
        const { member, self } = await addressing(stage);
        return { as: self, addressed: self, params: { sessionId: member.sessionId } };
      },
    },
    {
      title: 'from another session',
      admits: ['addressed'],
      target: ['session', 'sessionId'],
      prepare: async (stage) => {
        const { member, self } = await addressing(stage);
        const { sessionId } = await stage.world.signIn(member.email);
        return { as: self, addressed: self, params: { sessionId } };
      },
    },
  ],
  listMySessions: [
    {
      admits: humans,
      prepare: ({ stranger }) => ({ as: human(stranger) }),
      answers: ({ stranger }) => ({ sessions: [{ id: stranger.sessionId, current: true }] }),
    },
  ],
  endMySessions: [
    {
      admits: humans,
      target: ['user', 'userId'],
      prepare: async ({ world }) => {
        const person = await world.person();
        await world.signIn(person.email);
        return { as: human(person) };
      },
    },
    {
      title: 'where there is no other',
      admits: humans,
      isNoOp: true,
      prepare: async ({ world }) => ({ as: human(await world.person()) }),
    },
  ],
  listUserSessions: [
    {
      admits: ['superAdmin', 'machine'],
      prepare: async (stage) => {
        const { member, self, admin } = await addressing(stage);
        return { as: admin, addressed: self, params: { userId: member.userId } };
      },
    },
  ],
  endUserSessions: [
    {
      admits: ['superAdmin', 'machine'],
      target: ['user', 'userId'],
      prepare: async (stage) => {
        const { member, self } = await addressing(stage);
        return { as: robot(stage.machine), addressed: self, params: { userId: member.userId } };
      },
    },
  ],
};
