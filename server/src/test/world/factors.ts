import type { LightMyRequestResponse } from 'fastify';
import { stepOf, totpCode } from '../../factors/totp.ts';
import { sql } from '../../db/db.ts';
import { sha256 } from '../../keys/secrets.ts';
import { withStatus } from './answers.ts';
import { password, type Person } from './people.ts';
import type { World } from './world.ts';

export const factorsUrl = '/v1/authentication/users/me/factors';
const sessionsUrl = '/v1/authentication/users/sessions';

/** A confirmed authenticator app, as its owner has it. */
export interface OwnFactor {
  readonly id: string;
  readonly secret: Buffer;
  readonly recoveryCodes: readonly string[];
}

/** The bytes of a secret. */
export const fromBase32 = (text: string): Buffer => {
  const bits = text.replace(/[A-Z2-7]/g, (letter) =>
    'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'),
  );
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
};

/** A code that was not used yet: moves the clock to the next time step. */
export function nextCode({ test: { clock } }: Pick<World, 'test'>, { secret }: Pick<OwnFactor, 'secret'>): string {
  clock.advance(30_000);
  return totpCode(secret, stepOf(clock.now()));
}

/** Adds an authenticator app without confirming it. */
export async function addFactor(
  { call }: Pick<World, 'call'>,
  { token }: { token: string },
): Promise<Pick<OwnFactor, 'id' | 'secret'>> {
  const added = withStatus(201, await call('POST', `${factorsUrl}/totp`, { token, body: { name: 'Phone' } }));
  const { id, secret } = added.json<{ id: string; secret: string }>();
  return { id, secret: fromBase32(secret) };
}

/** Makes a session one that began with a mailed code, which needs no code from the mailbox to add the first factor. */
export const beginByMail = ({ test, appId }: Pick<World, 'test' | 'appId'>, { token }: { token: string }) =>
  test.db.query(sql`
    UPDATE sessions SET amr = '{email}' WHERE app_id = ${appId} AND token_hash = ${sha256(token)}`);

/** The code by which the mailbox confirms the first factor. */
export async function mailboxCode(
  { call, mails }: Pick<World, 'call' | 'mails'>,
  { email, token }: Pick<Person, 'email' | 'token'>,
): Promise<string> {
  withStatus(200, await call('POST', '/v1/authentication/users/me/reauthentication-request', { token }));
  const mail = (await mails(email)).find(({ purpose }) => purpose === 'reauthentication');
  return mail?.code ?? '';
}

/** What the confirmation of a factor needs beyond its own proof: for the first one, the code from the mailbox. */
export async function confirmation(
  world: Pick<World, 'test' | 'appId' | 'call' | 'mails'>,
  { token }: { token: string },
): Promise<{ verificationCode?: string }> {
  const { test, appId, call } = world;
  const listed = withStatus(200, await call('GET', factorsUrl, { token }));
  const [session] = await test.db.query<{ email: string; is_identified: boolean }>(sql`
    SELECT u.email, s.amr && '{email}' OR u.password_hash IS NULL AS is_identified FROM sessions s
    JOIN users u ON u.app_id = s.app_id AND u.id = s.user_id
    WHERE s.app_id = ${appId} AND s.token_hash = ${sha256(token)}`);
  if (!session || session.is_identified || listed.json<{ factors: unknown[] }>().factors.length > 0) return {};
  return { verificationCode: await mailboxCode(world, { email: session.email, token }) };
}

/** Gives a person a second factor, which is used in the session. */
export async function enrol(world: World, person: { token: string }): Promise<OwnFactor> {
  const { id, secret } = await addFactor(world, person);
  const body = { code: nextCode(world, { secret }), ...(await confirmation(world, person)) };
  const url = `${factorsUrl}/${id}/confirmation`;
  const confirmed = withStatus(200, await world.call('POST', url, { token: person.token, body }));
  return { id, secret, recoveryCodes: confirmed.json<{ recoveryCodes?: string[] }>().recoveryCodes ?? [] };
}

/** A sign-in whose second factor is missing. */
export interface Challenge {
  readonly mfaToken: string;
  /** The value of the device token of the response. */
  readonly device: string;
}

/** The challenge in a response. @throws if it is not `mfa_required` */
export function challengeIn(response: LightMyRequestResponse): Challenge {
  const { code, mfaToken } = withStatus(403, response).json<{ code: string; mfaToken: string }>();
  if (code !== 'mfa_required') throw new Error(response.body);
  return { mfaToken, device: String(response.headers['x-device-token']) };
}

/** Signs in with the password of a person who has a second factor. */
export async function challenge({ call }: Pick<World, 'call'>, email: string): Promise<Challenge> {
  return challengeIn(await call('POST', sessionsUrl, { body: { email, password } }));
}

/** Finishes a sign-in. */
export const finish = (
  { call }: Pick<World, 'call'>,
  { mfaToken, device }: Challenge,
  factor: object,
): Promise<LightMyRequestResponse> =>
  call('PUT', `${sessionsUrl}/mfa`, { body: { mfaToken, ...factor }, headers: { 'x-device-token': device } });

/** Signs in with password and second factor. */
export async function signInWith(world: World, person: Pick<Person, 'email'>, factor: OwnFactor): Promise<Person> {
  const begun = await challenge(world, person.email);
  const response = withStatus(201, await finish(world, begun, { factorId: factor.id, code: nextCode(world, factor) }));
  const { userId, sessionToken, sessionId } = response.json<Record<string, string>>();
  return { email: person.email, userId: userId ?? '', token: sessionToken ?? '', sessionId: sessionId ?? '' };
}

/** Sets the policy of the app, and the default of the others of `mfa` except the relying party, without an event. */
export const setPolicy = ({ test, appId }: World, policy: 'off' | 'optional' | 'required') =>
  test.db.query(
    sql`UPDATE apps SET settings = settings || jsonb_build_object('mfa', jsonb_strip_nulls(
      jsonb_build_object('policy', ${policy}::text, 'relyingParty', settings #> '{mfa,relyingParty}')))
    WHERE id = ${appId}`,
  );
