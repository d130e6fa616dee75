import { sql } from '../db/db.ts';
import { goThrough, newVerifier, redeem } from './identity-flow.ts';
import type { TestProvider } from './identity-provider.ts';
import { password, type Person, type World } from './world/world.ts';

const users = '/v1/authentication/users';

/** The address of the stranger, to which a pending change of address sends its code. */
export const strangersOwnEmail = 'stranger@elsewhere.example';

/** Claims of the stranger and of the owner of the mailbox at a provider. */
export const strangersClaims = { sub: 'stranger', email: strangersOwnEmail, email_verified: true };
export const ownersClaims = (email: string) => ({ sub: `owner of ${email}`, email, email_verified: true });

/** An account that a stranger created with another person's address, with everything that a stranger can prepare. */
export interface Hijacked extends Person {
  /** The code that changes the address to the stranger's. */
  readonly changeCode: string;
  /** The newest verification mail in the mailbox of the owner. */
  readonly verificationCode: string;
  readonly mailedToken: string;
}

export type Linking = Readonly<{ provider: TestProvider; idpId: string }>;

/** Links an identity to a signed-in user. */
export async function linkTo(world: World, { provider, idpId }: Linking, token: string, claims: object) {
  provider.person = { ...claims };
  const { codeChallenge, codeVerifier } = newVerifier();
  return redeem(world, await goThrough(world, provider, idpId, { codeChallenge }), { token, codeVerifier });
}

/** Signs in with a provider. */
export async function comeBy(world: World, { provider, idpId }: Linking, claims: object) {
  provider.person = { ...claims };
  return redeem(world, await goThrough(world, provider, idpId));
}

/** Requests a verification mail. @returns its code and its token */
export async function requestVerification(world: World, { userId, token, email }: Person) {
  const body = { userId, verificationUrl: 'http://localhost/?t={{sessionToken}}' };
  const response = await world.call('POST', `${users}/email/verification-request`, { token, body });
  if (response.statusCode !== 200) throw new Error(response.body);
  const { code = '', url = '' } = await world.mail(email);
  return { verificationCode: code, mailedToken: new URL(url).searchParams.get('t') ?? '' };
}

/** Presents the code of a verification mail. */
export const verify = (
  world: World,
  token: string,
  body: { userId: string; verificationCode: string; currentPassword?: string },
  headers: Record<string, string> = {},
) => world.call('POST', `${users}/email/verification`, { token, body, headers });

/**
 * Signs up a stranger with another person's address and prepares the account: password, session, linked identity, known
 * device, phone number, metadata and a pending change of address.
 *
 * @param clicked whether the owner of the mailbox followed the link of the verification mail meanwhile
 */
export async function hijack(
  world: World,
  linking: Linking,
  email: string,
  { clicked }: { clicked: boolean },
): Promise<Hijacked> {
  const stranger = await world.person({ email, verified: false });
  const { userId, token } = stranger;
  const first = await requestVerification(world, stranger);
  const linked = await linkTo(world, linking, token, strangersClaims);
  if (linked.statusCode !== 200) throw new Error(linked.body);
  const profile = { phoneNumber: '+4915112345678', metadata: { motto: 'mine' } };
  await world.call('PUT', `${users}/${userId}`, { token, body: profile });
  const change = { newEmail: strangersOwnEmail, currentPassword: password };
  await world.call('POST', `${users}/me/email`, { token, body: change });
  const { code: changeCode = '' } = await world.mail(strangersOwnEmail);
  if (!clicked) return { ...stranger, ...first, changeCode };
  const followed = await verify(world, first.mailedToken, { userId, verificationCode: first.verificationCode });
  if (followed.statusCode !== 200) throw new Error(followed.body);
  return { ...stranger, ...(await requestVerification(world, stranger)), changeCode };
}

/** Whether an account is verified and claimed, in the view of the app's administrators. */
export async function claimOf(world: World, userId: string) {
  const response = await world.call('GET', `${users}/${userId}`, { token: world.admin.token });
  const { isEmailVerified, isEmailClaimed } = response.json<{ isEmailVerified: boolean; isEmailClaimed: boolean }>();
  return { isEmailVerified, isEmailClaimed };
}

/**
 * The parts of an account that let somebody sign in or act as its user, by table, and the data that a stranger may have
 * set.
 */
export async function waysIn({ test, appId }: World, userId: string): Promise<Record<string, readonly string[]>> {
  const [row] = await test.db.query<Record<string, string[]>>(sql`
    SELECT
      ARRAY(SELECT id::text FROM sessions WHERE app_id = ${appId} AND user_id = ${userId}) AS sessions,
      ARRAY(SELECT id::text FROM identities WHERE app_id = ${appId} AND user_id = ${userId}) AS identities,
      ARRAY(SELECT encode(token_hash, 'hex') FROM devices WHERE app_id = ${appId} AND user_id = ${userId}) AS devices,
      ARRAY(SELECT id::text FROM codes WHERE app_id = ${appId} AND user_id = ${userId}) AS codes,
      ARRAY(SELECT password_hash FROM users WHERE app_id = ${appId} AND id = ${userId} AND password_hash IS NOT NULL)
        AS password,
      ARRAY(SELECT phone_number FROM users WHERE app_id = ${appId} AND id = ${userId} AND phone_number IS NOT NULL)
        AS phone,
      ARRAY(SELECT metadata::text FROM users WHERE app_id = ${appId} AND id = ${userId} AND metadata <> '{}')
        AS metadata`);
  return row ?? {};
}
