import { accepting, overOrganization } from '../access/access.ts';
import { signedIn } from '../access/actor.ts';
import { beforeReplay } from '../calls/before-replay.ts';
import { mutate } from '../calls/mutate.ts';
import { route } from '../calls/route.ts';
import { ApiError } from '../http/errors.ts';
import { makeSecret, secretLimit, toCreatedSecret } from '../machine-users/make-secret.ts';
import { createSecret, secretCreated } from '../machine-users/machine-users.schema.ts';
import { checkMayGive, lockMaker, requireEnabled } from './may-give.ts';
import {
  confirmSecret,
  countOrganizationMachineSecrets,
  deleteOrganizationMachineSecret,
  insertOrganizationMachineSecret,
} from './organization-machine-secrets.store.ts';
import {
  organizationMachineSecretParams,
  organizationMachineUserParams,
  secretConfirmed,
} from './organization-machine-users.schema.ts';
import { findOrganizationMachine, lockOrganizationMachine } from './organization-machine-users.store.ts';
import { tellMaker } from './tell-maker.ts';

const targetOf = (id: string) => ({ kind: 'organization_machine', id });

const scope = { machineScope: 'organization-machine-users:write' } as const;

export const organizationMachineSecretRoutes = [
  route({
    method: 'POST',
    url: '/v1/authorization/organizations/:orgId/machine-users/:machineUserId/secrets',
    operationId: 'createOrganizationMachineSecret',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Add a secret to a machine user of an organization',
    description:
      'Creates an additional secret, for rotation without downtime; at most 5 per machine user. The secret is shown ' +
      'only once. A secret gives access to all rights of the machine user. So a machine user of the app needs the ' +
      'scopes for these rights, and cannot add a secret to a machine user that is a manager.',
    access: accepting(scope, overOrganization('grant', 'ORG_OWNER', 'GENERIC_MACHINE_USER')),
    audit: 'organization_machine_secret.created',
    idempotency: 'kept',
    params: organizationMachineUserParams,
    body: createSecret,
    response: { status: 201, description: 'The secret is created.', body: secretCreated },
    errors: [
      'organization_machine_users_disabled',
      'machine_user_not_found',
      'machine_secret_limit_exceeded',
      'access_denied',
    ],
    authorize: async (call) => {
      await requireEnabled(call);
      await beforeReplay(call, async (tx) => {
        const machine = await findOrganizationMachine(tx, call.appId, call.params);
        if (machine) checkMayGive(call, machine);
      });
    },
    handler: (call) => {
      const { appId, orgId, params, body, services } = call;
      const secret = makeSecret(services, 'gh_o_', body);
      return mutate(call, async (tx) => {
        const createdBy = await lockMaker(tx, call);
        const machine = await lockOrganizationMachine(tx, appId, params);
        checkMayGive(call, machine);
        if ((await countOrganizationMachineSecrets(tx, appId, params.machineUserId)) >= secretLimit)
          throw new ApiError('machine_secret_limit_exceeded');
        await insertOrganizationMachineSecret(tx, appId, params.machineUserId, { ...secret.stored, createdBy });
        await tellMaker(tx, call, { secretId: secret.stored.id, userName: machine.userName });
        const changes = [`secret.${secret.stored.id}`];
        return { result: toCreatedSecret(secret), event: { target: targetOf(params.machineUserId), orgId, changes } };
      });
    },
  }),

  route({
    method: 'POST',
    url: '/v1/authorization/organizations/:orgId/machine-users/:machineUserId/secrets/:secretId/confirm',
    operationId: 'confirmOrganizationMachineSecret',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Confirm a secret of a former owner',
    description:
      'When the owner who created a secret is no longer an owner of the organization, the secret stops working after ' +
      '7 days. If another owner makes this call, the secret keeps working and belongs to that owner. Secrets that ' +
      'need no confirmation do not change.',
    access: overOrganization('grant', 'ORG_OWNER'),
    audit: 'organization_machine_secret.confirmed',
    idempotency: 'kept',
    params: organizationMachineSecretParams,
    response: { status: 200, description: 'The secret keeps working.', body: secretConfirmed },
    errors: [
      'organization_machine_users_disabled',
      'machine_user_not_found',
      'machine_secret_not_found',
      'access_denied',
    ],
    authorize: requireEnabled,
    handler: (call) => {
      const { appId, orgId, params, actor, services } = call;
      const { id: userId } = signedIn(actor).user;
      return mutate(call, async (tx) => {
        await lockMaker(tx, call);
        await lockOrganizationMachine(tx, appId, params);
        const isChanged = await confirmSecret(tx, appId, params, userId, services.clock.now());
        const changes = [`secret.${params.secretId}`];
        return {
          result: { message: 'Secret confirmed' },
          event: isChanged ? { target: targetOf(params.machineUserId), orgId, changes } : undefined,
        };
      });
    },
  }),

  route({
    method: 'DELETE',
    url: '/v1/authorization/organizations/:orgId/machine-users/:machineUserId/secrets/:secretId',
    operationId: 'deleteOrganizationMachineSecret',
    freshAuthentication: 'always',
    tag: 'authorization',
    summary: 'Delete a secret of a machine user of an organization',
    description: 'Deletes a secret. This API refuses tokens issued for the secret at once.',
    access: accepting(scope, overOrganization('remove', 'ORG_OWNER', 'GENERIC_MACHINE_USER')),
    audit: 'organization_machine_secret.deleted',
    params: organizationMachineSecretParams,
    response: { status: 204, description: 'The secret is deleted.' },
    errors: ['organization_machine_users_disabled', 'machine_user_not_found', 'machine_secret_not_found'],
    handler: async (call) => {
      const { appId, orgId, params } = call;
      await requireEnabled(call);
      return mutate(call, async (tx) => {
        await lockOrganizationMachine(tx, appId, params);
        await deleteOrganizationMachineSecret(tx, appId, params.machineUserId, params.secretId);
        const changes = [`secret.${params.secretId}`];
        return { result: undefined, event: { target: targetOf(params.machineUserId), orgId, changes } };
      });
    },
  }),
];
