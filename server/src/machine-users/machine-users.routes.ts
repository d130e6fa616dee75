import { endKeysOfMachine } from '../api-keys/end-keys.ts';
import { sql } from '../db/db.ts';
import { overApp } from '../access/access.ts';
import { allScopes, exceedAll } from '../access/machine-scopes.ts';
import { appNameOf } from '../calls/authenticate.ts';
import { differingFields } from '../http/differing-fields.ts';
import { requireFreshForChange } from '../calls/fresh-authentication.ts';
import { recently, requireAuthentication } from '../access/required-authentication.ts';
import { ApiError } from '../http/errors.ts';
import { mutate } from '../calls/mutate.ts';
import { readPage } from '../lists/pagination.ts';
import { type Call, route } from '../calls/route.ts';
import { organizationNameKey } from '../organizations/organization-name.ts';
import { makeSecret, secretLimit, toCreatedSecret } from './make-secret.ts';
import {
  createMachineUser,
  createSecret,
  machineSecretParams,
  machineUser,
  machineUserCreated,
  machineUserList,
  machineUserListQuery,
  machineUserParams,
  type MachineUserPatch,
  patchMachineUserBody,
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
  type MachineUser,
  machineUserColumns,
  patchMachineUser,
  toMachineUser,
} from './machine-users.store.ts';

const iso = (time: Date | null): string | null => time?.toISOString() ?? null;

const secretToResource = (secret: MachineSecret) => ({
  id: secret.id,
  label: secret.label,
  createdAt: secret.createdAt.toISOString(),
  expiresAt: iso(secret.expiresAt),
  lastUsedAt: iso(secret.lastUsedAt),
});

const toResource = (machine: MachineUser, secrets: readonly MachineSecret[]) => ({
  id: machine.id,
  userName: machine.userName,
  scopes: [...machine.scopes],
  allowedAudiences: machine.allowedAudiences && [...machine.allowedAudiences],
  allowedNetworks: machine.allowedNetworks && [...machine.allowedNetworks],
  tokenLifeSeconds: machine.tokenLifeSeconds,
  createdAt: machine.createdAt.toISOString(),
  lastUsedAt: iso(machine.lastUsedAt),
  secrets: secrets.map(secretToResource),
});

/** The name of the app is the audience of tokens for this API, which `scopes` control. */
function checkAudiences({ request }: Call, { allowedAudiences }: MachineUserPatch): void {
  const index = allowedAudiences?.indexOf(appNameOf(request)) ?? -1;
  if (index < 0) return;
  const message = 'Must not be the name of the app: scopes control what a machine user may do at this API.';
  throw new ApiError('validation_failed', { faults: [{ pointer: `/body/allowedAudiences/${index}`, message }] });
}

export const machineUserRoutes = [
  route({
    method: 'POST',
    url: '/v1/authorization/machine-users',
    operationId: 'createMachineUser',
    grants: true,
    freshAuthentication: 'stepUp',
    tag: 'authorization',
    summary: 'Create a machine user',
    description:
      'Creates a machine user with its first secret. The secret is shown only once. Without `scopes`, the machine ' +
      'user gets the scope `*`. Scopes that `*` does not include need fresh authentication.',
    access: overApp('SUPER_ADMIN'),
    audit: 'machine_user.created',
    idempotency: 'kept',
    body: createMachineUser,
    response: { status: 201, description: 'The machine user is created.', body: machineUserCreated },
    errors: ['machine_user_name_taken'],
    authorize: ({ actor, body, services }) => {
      if (exceedAll(body.scopes ?? [])) requireAuthentication(actor, recently(1), services.clock.now());
    },
    handler: (call) => {
      const { services, appId, body } = call;
      const id = services.ids.next();
      const { clientSecret, stored } = makeSecret(services, 'gh_m_');
      return mutate(call, async (tx) => {
        const userNameKey = organizationNameKey(body.userName);
        const { userName, scopes = [allScopes] } = body;
        await insertMachineUser(tx, appId, { id, userName, userNameKey, scopes, now: stored.now });
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
    description: 'Lists the machine users of the app. The list includes their secrets without the secret values.',
    access: overApp('SUPER_ADMIN'),
    query: machineUserListQuery,
    response: { status: 200, description: 'A page of machine users.', body: machineUserList },
    handler: async (call) => {
      const { services, appId } = call;
      const { metadata, items } = await readPage(call, {
        paging: call.query,
        total: sql`SELECT count(*) AS total FROM machine_users WHERE app_id = ${appId}`,
        rows: ({ after, limit }) =>
          sql`SELECT ${machineUserColumns} FROM machine_users m WHERE m.app_id = ${appId} ${after} ${limit}`,
        key: sql`m.id`,
        toItem: toMachineUser,
      });
      const secrets = await listSecrets(
        services.db,
        appId,
        items.map((item) => item.id),
      );
      const machineUsers = items.map((item) => toResource(item, secrets.get(item.id) ?? []));
      return { metadata, machineUsers };
    },
  }),

  route({
    method: 'PATCH',
    url: '/v1/authorization/machine-users/:machineUserId',
    operationId: 'updateMachineUser',
    grants: true,
    freshAuthentication: 'always',
    freshAuthenticationFor: 'changes',
    tag: 'authorization',
    summary: 'Update a machine user',
    description:
      'Changes name, scopes, audiences, networks and the lifetime of tokens. Absent fields stay unchanged. Scopes ' +
      'and networks apply from the next call on, also to existing tokens.',
    access: overApp('SUPER_ADMIN'),
    audit: 'machine_user.updated',
    params: machineUserParams,
    body: patchMachineUserBody,
    response: { status: 200, description: 'The changed machine user.', body: machineUser },
    errors: ['machine_user_not_found', 'machine_user_name_taken'],
    handler: (call) => {
      const { appId, params, body } = call;
      checkAudiences(call, body);
      return mutate(call, async (tx) => {
        const stored = await lockMachineUser(tx, appId, params.machineUserId);
        const secrets = (await listSecrets(tx, appId, [stored.id])).get(stored.id) ?? [];
        const changes = differingFields(body, stored);
        if (changes.length === 0) return { result: toResource(stored, secrets), event: undefined };
        requireFreshForChange(call);
        const userNameKey = body.userName === undefined ? undefined : organizationNameKey(body.userName);
        const changed = await patchMachineUser(tx, appId, stored.id, { ...body, userNameKey });
        return { result: toResource(changed, secrets), event: { target: { kind: 'machine', id: stored.id }, changes } };
      });
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/machine-users/:machineUserId',
    operationId: 'deleteMachineUser',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Delete a machine user',
    description: 'Deletes a machine user with its secrets. This API refuses its tokens at once.',
    access: overApp('SUPER_ADMIN'),
    audit: 'machine_user.deleted',
    params: machineUserParams,
    response: { status: 204, description: 'The machine user is deleted.' },
    errors: ['machine_user_not_found'],
    handler: (call) =>
      mutate(call, async (tx) => {
        const { machineUserId } = call.params;
        const ended = await endKeysOfMachine(tx, call, machineUserId);
        await deleteMachineUser(tx, call.appId, machineUserId);
        return { result: undefined, event: [{ target: { kind: 'machine', id: machineUserId } }, ...ended] };
      }),
  }),

  route({
    method: 'POST',
    url: '/v1/authorization/machine-users/:machineUserId/secrets',
    operationId: 'createMachineSecret',
    grants: true,
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Add a secret to a machine user',
    description:
      'Creates an additional secret, for rotation without downtime; at most 5 per machine user. The ' +
      'secret is shown only once.',
    access: overApp('SUPER_ADMIN'),
    audit: 'machine_secret.created',
    idempotency: 'kept',
    params: machineUserParams,
    body: createSecret,
    response: { status: 201, description: 'The secret is created.', body: secretCreated },
    errors: ['machine_user_not_found', 'machine_secret_limit_exceeded'],
    handler: (call) => {
      const { appId, params, body, services } = call;
      const secret = makeSecret(services, 'gh_m_', body);
      return mutate(call, async (tx) => {
        await lockMachineUser(tx, appId, params.machineUserId);
        if ((await countSecrets(tx, appId, params.machineUserId)) >= secretLimit)
          throw new ApiError('machine_secret_limit_exceeded');
        await insertSecret(tx, appId, params.machineUserId, secret.stored);
        const changes = [`secret.${secret.stored.id}`];
        return {
          result: toCreatedSecret(secret),
          event: { target: { kind: 'machine', id: params.machineUserId }, changes },
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
    description: 'Deletes a secret. This API refuses tokens issued for the secret at once.',
    access: overApp('SUPER_ADMIN'),
    audit: 'machine_secret.deleted',
    params: machineSecretParams,
    response: { status: 204, description: 'The secret is deleted.' },
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
