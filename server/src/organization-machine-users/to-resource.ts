import type { OrganizationMachineSecret } from './organization-machine-secrets.store.ts';
import type { OrganizationMachineUser } from './organization-machine-users.store.ts';

const iso = (time: Date | null): string | null => time?.toISOString() ?? null;

const toSecretResource = (secret: OrganizationMachineSecret) => ({
  id: secret.id,
  label: secret.label,
  createdAt: secret.createdAt.toISOString(),
  expiresAt: iso(secret.expiresAt),
  lastUsedAt: iso(secret.lastUsedAt),
  createdBy: secret.createdBy,
  confirmBy: iso(secret.confirmBy),
});

/** A machine user of an organization in a response. */
export const toMachineResource = (machine: OrganizationMachineUser, secrets: readonly OrganizationMachineSecret[]) => ({
  id: machine.id,
  userName: machine.userName,
  roles: [...machine.roles],
  managerRoles: machine.isManager ? ['ORG_USER_MANAGER' as const] : [],
  createdAt: machine.createdAt.toISOString(),
  lastUsedAt: iso(machine.lastUsedAt),
  secrets: secrets.map(toSecretResource),
});
