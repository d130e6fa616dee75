import { sql } from '../db/db.ts';
import { overApp } from '../access/access.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../calls/mutate.ts';
import { readPage } from '../lists/pagination.ts';
import { type Call, route } from '../calls/route.ts';
import { newSecret, sha256 } from '../keys/secrets.ts';
import { organizationNameKey } from '../organizations/organization-name.ts';
import {
  createMachineUser,
  createSecret,
  machineSecretParams,
  machineUserCreated,
  machineUserList,
  machineUserListQuery,
  machineUserParams,
  secretCreated,
} from './machine-users.schema.ts';
import {
  countSecrets,
  deleteMachineUser,
  deleteSecret,
  insertMachineUser,
  insertSecret,
  listSecrets,
  lockMachineUser,
  type MachineSecret,
} from './machine-users.store.ts';

const secretLimit = 5;
/** Beyond it a time cannot be written as RFC 3339 has it. */
const latestTime = Date.UTC(9999, 11, 31);

/** A fresh secret and what is stored of it. */
function makeSecret({ services }: Call, options: { label?: string | undefined; expiresAt?: Date | undefined }) {
  const clientSecret = newSecret('gh_m_');
  const stored = {
    id: services.ids.next(),
    label: options.label ?? null,
    secretHash: sha256(clientSecret),
    now: services.clock.now(),
    expiresAt: options.expiresAt ?? null,
  };
  return { clientSecret, stored };
}

/** @throws ApiError `validation_failed` when the time is not ahead */
function expiryOf(expiry: Date | undefined, now: Date): Date | undefined {
  if (expiry === undefined) return undefined;
  if (expiry > now && expiry.getTime() <= latestTime) return expiry;
  throw new ApiError('validation_failed', {
    faults: [{ pointer: '/body/expiresAt', message: 'Must be in the future, before the year 10000.' }],
  });
}

const iso = (time: Date | null): string | null => time?.toISOString() ?? null;

const secretToResource = (secret: MachineSecret) => ({
  id: secret.id,
  label: secret.label,
  createdAt: secret.createdAt.toISOString(),
  expiresAt: iso(secret.expiresAt),
  lastUsedAt: iso(secret.lastUsedAt),
});

export const machineUserRoutes = [
  route({
    method: 'POST',
    url: '/v1/authorization/machine-users',
    operationId: 'createMachineUser',
    freshAuthentication: 'stepUp',
    tag: 'authorization',
    summary: 'Create a machine user',
    description: 'Makes a machine user with its first secret, which is shown this once.',
    access: overApp('SUPER_ADMIN'),
    audit: 'machine_user.created',
    idempotency: 'kept',
    body: createMachineUser,
    response: { status: 201, description: 'The machine user is made.', body: machineUserCreated },
    errors: ['machine_user_name_taken'],
    handler: (call) => {
      const { services, appId, body } = call;
      const id = services.ids.next();
      const { clientSecret, stored } = makeSecret(call, {});
      return mutate(call, async (tx) => {
        const userNameKey = organizationNameKey(body.userName);
        await insertMachineUser(tx, appId, { id, userName: body.userName, userNameKey, now: stored.now });
        await insertSecret(tx, appId, id, stored);
        const result = { machineUserId: id, clientId: id, clientSecret, secretId: stored.id };
        return { result, event: { target: { kind: 'machine', id } } };
      });
    },
  }),

  route({
    method: 'GET',
    url: '/v1/authorization/machine-users',
    operationId: 'listMachineUsers',
    tag: 'authorization',
    summary: 'List machine users',
    description: 'The machine users of the app with their secrets, which are named and never shown.',
    access: overApp('SUPER_ADMIN'),
    query: machineUserListQuery,
    response: { status: 200, description: 'A page of machine users.', body: machineUserList },
    handler: async (call) => {
      const { services, appId } = call;
      const { metadata, items } = await readPage(call, {
        paging: call.query,
        total: sql`SELECT count(*) AS total FROM machine_users WHERE app_id = ${appId}`,
        rows: ({ after, limit }) =>
          sql`
            SELECT m.id, m.user_name, m.created_at, m.last_used_at FROM machine_users m
            WHERE m.app_id = ${appId} ${after} ${limit}`,
        key: sql`m.id`,
        toItem: (row: { id: string; user_name: string; created_at: Date; last_used_at: Date | null }) => row,
      });
      const secrets = await listSecrets(
        services.db,
        appId,
        items.map((item) => item.id),
      );
      const machineUsers = items.map((item) => ({
        id: item.id,
        userName: item.user_name,
        createdAt: item.created_at.toISOString(),
        lastUsedAt: iso(item.last_used_at),
        secrets: (secrets.get(item.id) ?? []).map(secretToResource),
      }));
      return { metadata, machineUsers };
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/machine-users/:machineUserId',
    operationId: 'deleteMachineUser',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Delete a machine user',
    description: 'Deletes a machine user with its secrets; this API refuses its tokens at once.',
    access: overApp('SUPER_ADMIN'),
    audit: 'machine_user.deleted',
    params: machineUserParams,
    response: { status: 204, description: 'The machine user is gone.' },
    errors: ['machine_user_not_found'],
    handler: (call) =>
      mutate(call, async (tx) => {
        const { machineUserId } = call.params;
        await deleteMachineUser(tx, call.appId, machineUserId);
        return { result: undefined, event: { target: { kind: 'machine', id: machineUserId } } };
      }),
  }),

  route({
    method: 'POST',
    url: '/v1/authorization/machine-users/:machineUserId/secrets',
    operationId: 'createMachineSecret',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Add a secret to a machine user',
    description: 'A further secret, so that one can be replaced without a pause; at most 5. It is shown this once.',
    access: overApp('SUPER_ADMIN'),
    audit: 'machine_secret.created',
    idempotency: 'kept',
    params: machineUserParams,
    body: createSecret,
    response: { status: 201, description: 'The secret is made.', body: secretCreated },
    errors: ['machine_user_not_found', 'machine_secret_limit_exceeded'],
    handler: (call) => {
      const { appId, params, body, services } = call;
      const { clientSecret, stored } = makeSecret(call, {
        label: body.label,
        expiresAt: expiryOf(body.expiresAt, services.clock.now()),
      });
      return mutate(call, async (tx) => {
        await lockMachineUser(tx, appId, params.machineUserId);
        if ((await countSecrets(tx, appId, params.machineUserId)) >= secretLimit)
          throw new ApiError('machine_secret_limit_exceeded');
        await insertSecret(tx, appId, params.machineUserId, stored);
        const { label, expiresAt } = stored;
        const result = {
          secretId: stored.id,
          clientSecret,
          ...(label !== null && { label }),
          ...(expiresAt && { expiresAt: expiresAt.toISOString() }),
        };
        return {
          result,
          event: { target: { kind: 'machine', id: params.machineUserId }, changes: [`secret.${stored.id}`] },
        };
      });
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/machine-users/:machineUserId/secrets/:secretId',
    operationId: 'deleteMachineSecret',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Delete a secret of a machine user',
    description: 'Deletes a secret; this API refuses the tokens it got at once.',
    access: overApp('SUPER_ADMIN'),
    audit: 'machine_secret.deleted',
    params: machineSecretParams,
    response: { status: 204, description: 'The secret is gone.' },
    errors: ['machine_user_not_found', 'machine_secret_not_found'],
    handler: (call) =>
      mutate(call, async (tx) => {
        const { machineUserId, secretId } = call.params;
        await lockMachineUser(tx, call.appId, machineUserId);
        await deleteSecret(tx, call.appId, machineUserId, secretId);
        return {
          result: undefined,
          event: { target: { kind: 'machine', id: machineUserId }, changes: [`secret.${secretId}`] },
        };
      }),
  }),
];
