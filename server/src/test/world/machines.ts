import { withStatus } from './answers.ts';
import type { Calls } from './calls.ts';
import { unique } from './names.ts';
import type { Person } from './people.ts';

/** A machine user with its first secret and an access token. */
export interface Machine {
  readonly machineUserId: string;
  readonly clientSecret: string;
  readonly secretId: string;
  readonly token: string;
}

/** A machine user of an organization with its first secret. */
export type OrganizationMachine = Omit<Machine, 'token'>;

/** The values of a new machine user of an organization, and its creator. */
export interface OrganizationMachineOptions {
  readonly roles?: readonly string[];
  readonly managerRoles?: readonly 'ORG_USER_MANAGER'[];
  /** The bearer token of the creator; the super admin without it. */
  readonly by?: string;
}

export interface Machines {
  machine(name?: string): Promise<Machine>;
  organizationMachine(orgId: string, options?: OrganizationMachineOptions): Promise<OrganizationMachine>;
}

/** Creates machine users as the super admin of the app. */
export const machinesOf = ({ call }: Pick<Calls, 'call'>, admin: Person): Machines => ({
  async machine(userName = unique('robot')) {
    const created = withStatus(
      201,
      await call('POST', '/v1/authorization/machine-users', { token: admin.token, body: { userName } }),
    );
    const { machineUserId, clientId, clientSecret, secretId } =
      created.json<Record<'machineUserId' | 'clientId' | 'clientSecret' | 'secretId', string>>();
    const exchanged = withStatus(
      200,
      await call('POST', '/v1/authentication/machine-users/access-token', { body: { clientId, clientSecret } }),
    );
    return { machineUserId, clientSecret, secretId, token: exchanged.json<{ token: string }>().token };
  },

  async organizationMachine(orgId, { by = admin.token, ...given } = {}) {
    const url = `/v1/authorization/organizations/${orgId}/machine-users`;
    const body = { userName: unique('exporter'), ...given };
    return withStatus(201, await call('POST', url, { token: by, body })).json<OrganizationMachine>();
  },
});
