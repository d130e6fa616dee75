import type { LightMyRequestResponse } from 'fastify';
import { sql } from '../../db/db.ts';
import { withStatus } from './answers.ts';
import { type Challenge, challengeIn, nextCode, type OwnFactor } from './factors.ts';
import { password } from './people.ts';
import type { World } from './world.ts';

const sessionsUrl = '/v1/authentication/users/sessions';

/** A browser: its cookies by name. */
export type Jar = Map<string, string>;

function keep(jar: Jar, { headers }: LightMyRequestResponse): void {
  for (const cookie of [headers['set-cookie'] ?? []].flat()) {
    const [name = '', value = ''] = cookie.split(';', 1)[0]?.split('=') ?? [];
    jar.set(name, value);
  }
}

/** The cookies of a browser as a header, except some. */
export const cookiesOf = (jar: Jar, ...except: string[]): string =>
  [...jar]
    .filter(([name]) => !except.includes(name))
    .map(([name, value]) => `${name}=${value}`)
    .join('; ');

/** Calls from a browser. Its session cookie is left out, so that each sign-in starts a session. */
export async function callFrom(
  { call }: Pick<World, 'call'>,
  jar: Jar,
  [method, url]: ['POST' | 'PUT', string],
  body: object,
): Promise<LightMyRequestResponse> {
  const response = await call(method, url, { body, headers: { cookie: cookiesOf(jar, 'session-token') } });
  keep(jar, response);
  return response;
}

/** Signs in with the password. */
export const signInFrom = (world: Pick<World, 'call'>, jar: Jar, email: string): Promise<LightMyRequestResponse> =>
  callFrom(world, jar, ['POST', sessionsUrl], { email, password });

/** Finishes a sign-in with the code of an authenticator app. */
export function finishFrom(
  world: World,
  jar: Jar,
  begun: LightMyRequestResponse,
  own: OwnFactor,
  extra: object = {},
): Promise<LightMyRequestResponse> {
  const { mfaToken }: Challenge = challengeIn(begun);
  const body = { mfaToken, factorId: own.id, code: nextCode(world, own), ...extra };
  return callFrom(world, jar, ['PUT', `${sessionsUrl}/mfa`], body);
}

/** A browser that is remembered for a person. */
export async function rememberedBrowser(world: World, email: string, own: OwnFactor): Promise<Jar> {
  const jar: Jar = new Map();
  const begun = await signInFrom(world, jar, email);
  withStatus(201, await finishFrom(world, jar, begun, own, { rememberDevice: true }));
  return jar;
}

/** Sets some settings of `mfa`, without an event and without an effect on remembered devices. */
export const setMfa = ({ test, appId }: Pick<World, 'test' | 'appId'>, mfa: object) =>
  test.db.query(sql`
    UPDATE apps SET settings = settings || jsonb_build_object('mfa', COALESCE(settings -> 'mfa', '{}')
      || ${JSON.stringify(mfa)}::jsonb) WHERE id = ${appId}`);
