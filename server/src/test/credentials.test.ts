import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Route } from '../calls/route.ts';
import { routes } from '../routes.ts';
import { listAudiences, publicUrl } from './access-tokens.ts';
import { digestOfEverything } from './digest.ts';
import { isAppNamed } from './samples/sample.ts';
import { addTo, enableOrganizationMachines } from './samples/stage.ts';
import { buildTestApp, platformKey, type TestApp } from './setup.ts';
import { organizationKey, personalKey } from './world/api-keys.ts';
import { challenge, enrol } from './world/factors.ts';
import { createWorld, type Machine, type Person, problem, type World } from './world/world.ts';

let app: TestApp;
let world: World;
let person: Person;
let machine: Machine;
let mailedToken: string;
let deviceToken: string;
let mfaToken: string;
let accessToken: string;
let organizationMachine: { readonly token: string; readonly clientSecret: string };
let apiKey: string;
let ownKey: string;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  person = await world.person({ verified: false });
  machine = await world.machine();
  const settings = {
    verificationUrl: 'https://app.example.com/{{sessionToken}}',
    redirectUrls: ['https://app.example.com'],
  };
  await world.operate('PATCH', `/v1/platform/apps/${world.appName}`, { settings });
  const { email } = await world.person({ verified: false });
  mailedToken = new URL((await world.mail(email)).url ?? '').pathname.slice(1);
  const body = { email: person.email, password: 'Password@123JonDoeInc' };
  const response = await world.call('POST', '/v1/authentication/users/sessions', { body });
  deviceToken = String(response.headers['x-device-token']);
  await makeNewerCredentials();
});

/** Credentials of an organization and of a person in it. */
async function makeNewerCredentials(): Promise<void> {
  await listAudiences(world);
  await enableOrganizationMachines(world);
  const owner = await world.person();
  const orgId = await world.organization(owner);
  await addTo({ world, orgId }, owner.userId, 'reader');
  const { token } = owner;
  const body = { audience: publicUrl };
  const asked = await world.call('POST', '/v1/authentication/users/me/access-token', { token, body });
  accessToken = asked.json<{ token: string }>().token;
  const { machineUserId: clientId, clientSecret } = await world.organizationMachine(orgId, { roles: ['reader'] });
  const exchanged = await world.call('POST', '/v1/authentication/machine-users/access-token', {
    body: { clientId, clientSecret },
  });
  organizationMachine = { clientSecret, token: exchanged.json<{ token: string }>().token };
  apiKey = (await organizationKey(world, owner, orgId)).key;
  ownKey = (await personalKey(world, owner, orgId)).key;
  await enrol(world, owner);
  ({ mfaToken } = await challenge(world, owner.email));
}
afterAll(() => app?.close());

const guarded = routes.filter(({ access }) => access.target !== 'public');

/** The credential is checked before every other part of the call. */
const send = (route: Route, cookie: string) =>
  world.call(route.method, route.url.replace(/:[A-Za-z]+/g, '1'), {
    app: isAppNamed(route) ? world.appName : null,
    headers: { cookie },
    orgId: '1',
  });

/** Every credential that is valid somewhere, except the session of a human. */
const others: [string, () => string][] = [
  ['the token of a machine', () => machine.token],
  ['the secret of a machine', () => machine.clientSecret],
  ['the token of a mail', () => mailedToken],
  ['the token of a device', () => deviceToken],
  ['the token for a second factor', () => mfaToken],
  ['the access token of a person', () => accessToken],
  ['the token of a machine of an organization', () => organizationMachine.token],
  ['the secret of a machine of an organization', () => organizationMachine.clientSecret],
  ['an API key of an organization', () => apiKey],
  ['an API key of a person', () => ownKey],
  ['the key of the operator', () => platformKey],
];

describe('the cookie is a human’s:', () => {
  test('each of these is a valid credential elsewhere', () => {
    expect(mailedToken).toMatch(/^gh_v_/);
    expect(deviceToken).toMatch(/^gh_d_/);
    for (const { token } of [machine, organizationMachine, { token: accessToken }])
      expect(token.split('.')).toHaveLength(3);
    expect(mfaToken).toMatch(/^gh_/);
    for (const key of [apiKey, ownKey]) expect(key).toMatch(/^gh_k_/);
  });

  test.each(guarded.map((route) => [`${route.method} ${route.url}`, route] as const))('%s', async (_, route) => {
    const before = await digestOfEverything(app.db);
    for (const [what, secret] of others) {
      for (const name of ['session-token', `__Host-session-token-${world.appName}`]) {
        const response = await send(route, `${name}=${secret()}`);
        expect([what, name, problem(response)]).toEqual([what, name, '401 unauthenticated']);
      }
    }
    expect(await digestOfEverything(app.db)).toEqual(before);
  });
});
