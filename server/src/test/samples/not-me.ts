import { expect } from 'vitest';
import { enrol } from '../world/factors.ts';
import { enrolAdmin, setResetDelay } from './factors.ts';
import { personalKey } from './api-keys.ts';
import { linked } from './identity-providers.ts';
import { nobody, type Prepared, type SampleCall, type SampleCalls } from './sample.ts';
import type { Stage } from './stage.ts';
import { freshMember } from './users.ts';
import { password, type Person } from '../world/world.ts';

/** A call with the link of the newest mail of a purpose. */
async function withLinkOf({ world }: Stage, { userId, email }: Person, purpose: string): Promise<Prepared> {
  const mail = (await world.mails(email)).find((one) => one.purpose === purpose);
  const [, token] = /not-me#(\S+)/.exec(mail?.text ?? '') ?? [];
  return { as: { ...nobody, id: userId }, body: { token } };
}

const byLink = (
  title: string,
  prepare: (stage: Stage) => Promise<Prepared>,
  afterwards?: NonNullable<SampleCall['afterwards']>,
): SampleCall => ({
  title,
  admits: 'everyone',
  target: ['user', 'userId'],
  foreign: 'code_invalid',
  prepare,
  ...(afterwards && { afterwards }),
});

const signUp = byLink(
  'of a sign-up',
  async (stage) => withLinkOf(stage, await freshMember(stage, { verified: false }), 'email_verification'),
  async ({ world }, { as }) => {
    const url = `/v1/authentication/users/${as.id}`;
    const user = (await world.call('GET', url, { token: world.admin.token })).json<{ email: string }>();
    const body = { email: user.email, password };
    expect((await world.call('POST', '/v1/authentication/users/sessions', { body })).statusCode).toBe(401);
  },
);

const newDevice = byLink('of a new device', async (stage) => {
  const person = await freshMember(stage);
  const body = { email: person.email, password };
  await stage.world.call('POST', '/v1/authentication/users/sessions', { body });
  return withLinkOf(stage, person, 'new_device');
});

const newIdentity = byLink('of a new identity', async (stage) =>
  withLinkOf(stage, (await linked(stage)).person, 'identity_linked'),
);

const newPassword = byLink('of a new password', async (stage) => {
  const person = await freshMember(stage);
  const body = { currentPassword: password, newPassword: 'Secret@slidezAB' };
  const url = `/v1/authentication/users/${person.userId}/password`;
  await stage.world.call('PUT', url, { token: person.token, body });
  return withLinkOf(stage, person, 'password_changed');
});

const newApiKey: SampleCall = {
  ...byLink('of a new API key', async (stage) => {
    const { person } = await personalKey(stage);
    return withLinkOf(stage, person, 'api_key_created');
  }),
  tellsMore: ['api_key.revoked'],
};

const requestedReset = byLink('of a requested removal of second factors', async (stage) => {
  const person = await freshMember(stage);
  await enrol(stage.world, person);
  await enrolAdmin(stage);
  await setResetDelay(stage);
  const url = `/v1/authorization/users/${person.userId}/factors`;
  await stage.world.call('DELETE', url, { token: stage.world.admin.token });
  return withLinkOf(stage, person, 'factors_reset_requested');
});

const newFactor = byLink('of a new second factor', async (stage) => {
  const person = await freshMember(stage);
  await enrol(stage.world, person);
  return withLinkOf(stage, person, 'factor_added');
});

const newMachineSecret: SampleCall = {
  ...byLink('of a new secret of a machine user', async (stage) => {
    const { world } = stage;
    const owner = await world.person();
    await world.organizationMachine(await world.organization(owner), { by: owner.token });
    return withLinkOf(stage, owner, 'machine_secret_created');
  }),
  tellsMore: ['organization_machine_secret.deleted'],
};

/** Sample calls of links in mails. */
export const samplesOfNotMe: SampleCalls = {
  rejectEmailVerification: [
    signUp,
    newDevice,
    newIdentity,
    newApiKey,
    newPassword,
    newFactor,
    newMachineSecret,
    requestedReset,
  ],
  showNotMePage: [{ admits: 'everyone', prepare: ({ world }) => ({ as: nobody, params: { app: world.appName } }) }],
};
