import { createClient, GatehouseError, machineClient } from '@gatehouse/sdk';
import { createTokenVerifier, InvalidTokenError } from '@gatehouse/sdk/server';

/**
 * Uses the SDK as a program would, in the runtime that loads it.
 *
 * @param {{ url: string, app: string, email: string, password: string }} place
 * @returns {Promise<string>} what was seen
 * @throws {Error} when something is not as it should be
 */
export async function use({ url, app, email, password }) {
  const options = { baseUrl: url, appName: app };
  const { sessionToken } = await createClient(options).sessions.signIn({ email, password });
  const admin = createClient({ ...options, token: sessionToken });
  const me = await admin.users.me();

  const { clientId, clientSecret, machineUserId } = await admin.machineUsers.create({ userName: crypto.randomUUID() });
  const machine = machineClient({ ...options, clientId, clientSecret });
  const emails = [];
  for await (const user of machine.users.list.each()) emails.push(user.email);

  const { token } = await admin.tokens.requestForMachine({ clientId, clientSecret });
  const verify = createTokenVerifier({ ...options, kind: 'machine', audience: app });
  const { sub } = await verify(token);
  const forged = await verify(`${token.slice(0, -4)}AAAA`).catch((error) => error);
  const refused = await admin.organizations.get('1').catch((error) => error);

  const faults = [
    me.email === email || 'users.me is somebody else',
    emails.includes(email) || 'the list lacks a user',
    sub === machineUserId || 'the token is of another machine',
    forged instanceof InvalidTokenError || 'a forged token passed',
    (refused instanceof GatehouseError && refused.code === 'organization_not_found') || 'a refusal is no typed error',
  ].filter((fault) => fault !== true);
  if (faults.length > 0) throw new Error(faults.join('; '));
  return 'sign-in, list, machine token, verification and refusal work';
}
