/** The scopes of machine users. The list is closed: contract 6.2. */
export const machineScopes = [
  'apps:read',
  'apps:write',
  'audit:read',
  'audit:write',
  'events:read',
  'events:write',
  'idps:read',
  'idps:write',
  'invitations:read',
  'invitations:write',
  'machine-users:read',
  'machine-users:write',
  'members:read',
  'members:write',
  'organizations:read',
  'organizations:write',
  'permissions:read',
  'permissions:write',
  'roles:read',
  'roles:write',
  'sessions:read',
  'sessions:write',
  'super-admins:read',
  'super-admins:write',
  'tokens:read',
  'tokens:write',
  'users:read',
  'users:write',
  'webhooks:read',
  'webhooks:write',
  'users:vouch',
  'password-hashes:read',
  'api-keys:write',
  'organization-machine-users:write',
] as const;

export type MachineScope = (typeof machineScopes)[number];

/** All scopes except those that must be listed explicitly. */
export const allScopes = '*';

/** The scopes that `*` does not include. */
const beyondAll: ReadonlySet<MachineScope> = new Set<MachineScope>([
  'machine-users:read',
  'machine-users:write',
  'super-admins:read',
  'super-admins:write',
  'users:vouch',
  'password-hashes:read',
]);

/** Whether scopes allow more than the default of a new machine user. */
export const exceedAll = (scopes: readonly string[]): boolean =>
  scopes.some((scope) => beyondAll.has(scope as MachineScope));

/** Whether the scopes of a machine user include the scope of a call. */
export const includesScope = (held: readonly string[], needed: MachineScope): boolean =>
  held.includes(needed) || (held.includes(allScopes) && !beyondAll.has(needed));
