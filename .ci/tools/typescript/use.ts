/** Uses the generated TypeScript client like a program of a customer. */
import assert from 'node:assert/strict';
import { env, stdout } from 'node:process';
import { createClient, createConfig } from './client/client';
import {
  createMachineUser,
  getMe,
  getOrganization,
  introspectToken,
  listAuditEvents,
  listOrganizations,
  requestMachineToken,
  setupOrganization,
  signIn,
  updateOrganization,
} from './client';

let token: string | undefined;
const client = createClient(
  createConfig({
    baseUrl: env['GATEHOUSE_URL'],
    auth: ({ type }) => (type === 'apiKey' ? env['GATEHOUSE_APP'] : token),
  }),
);
const strict = { client, throwOnError: true } as const;

const credentials = { email: env['GATEHOUSE_EMAIL'] ?? '', password: env['GATEHOUSE_PASSWORD'] ?? '' };
const { data: started } = await signIn({ ...strict, body: credentials });
token = started.sessionToken;
assert.equal((await getMe(strict)).data.userId, started.userId);

const organization = {
  orgName: 'TypeScript',
  adminFirstName: 'Ada',
  adminLastName: 'Byron',
  adminEmail: 'ada@example.com',
};
const { orgId } = (await setupOrganization({ ...strict, body: organization })).data;
const path = { orgId };
await updateOrganization({ ...strict, path, body: { metadata: { plan: 'pro', unused: null } } });
const { data: changed } = await getOrganization({ ...strict, path, query: { includeMetadata: true } });
assert.deepEqual(changed.metadata, { plan: 'pro' });
assert.equal((await listOrganizations({ ...strict, query: { pageSize: 10 } })).data.metadata.total, 1);

const from = new Date(Date.now() - 3_600_000).toISOString();
const { data: audit } = await listAuditEvents({ ...strict, query: { pageSize: 100, from } });
assert.ok(audit.events.some(({ action }) => action === 'organization.updated'));

const { clientId, clientSecret } = (await createMachineUser({ ...strict, body: { userName: 'robot' } })).data;
const audience = ['https://billing.example.com'];
const { data: issued } = await requestMachineToken({ ...strict, body: { clientId, clientSecret, audience } });
token = (await requestMachineToken({ ...strict, body: { clientId, clientSecret } })).data.token;
const { data: seen } = await introspectToken({ ...strict, body: { token: issued.token } });
assert.deepEqual([seen.active, seen.aud], [true, audience]);

const { error, response } = await getOrganization({ client, path: { orgId: '1' } });
assert.equal(response?.status, 404);
assert.equal(error?.code, 'organization_not_found');

stdout.write('The TypeScript client works.\n');
