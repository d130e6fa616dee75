/** The status of an organization. */
export type OrganizationStatus = 'Active' | 'Inactive';

/** Kinds of operations on an organization. Every route with an organization as target declares its kind. */
export const organizationOperations = {
  see: 'see that it exists, its name and its status',
  read: 'read its metadata, people, roles, invitations and audit',
  use: 'use roles in it: permissions, manager roles, access to its members',
  change: 'change its name, metadata and roles',
  grant: 'grant a role in it, or invite people to it',
  remove: 'remove a role or a member, or revoke an invitation to it',
  govern: 'deactivate, reactivate and delete it',
} as const;

export type OrganizationOperation = keyof typeof organizationOperations;

/** Whether a caller acts as a member of the organization, or for the app (super admins and machine users). */
type Side = 'people' | 'app';

/** `in outline`: name and status only. An error code: refused with that code. */
type Ruling = 'allowed' | 'in outline' | 'organization_inactive' | 'organization_inactive_state';

/** The codes that a status can refuse with. */
export type StatusRefusal = Exclude<Ruling, 'allowed' | 'in outline'>;

type Rulings = Readonly<Record<OrganizationOperation, Readonly<Record<Side, Ruling>>>>;

const everybody = { people: 'allowed', app: 'allowed' } as const;
const appOnly = { people: 'organization_inactive', app: 'allowed' } as const;

/**
 * The operations that each status allows. Members of a deactivated organization only see its name and status. Nothing
 * can be granted in it. The app can still read, change and reactivate it, and no data is lost.
 */
const rulings: Readonly<Record<OrganizationStatus, Rulings>> = {
  Active: {
    see: everybody,
    read: everybody,
    use: everybody,
    change: everybody,
    grant: everybody,
    remove: everybody,
    govern: everybody,
  },
  Inactive: {
    see: { people: 'in outline', app: 'allowed' },
    read: appOnly,
    use: { people: 'organization_inactive', app: 'organization_inactive' },
    change: appOnly,
    grant: { people: 'organization_inactive', app: 'organization_inactive_state' },
    remove: appOnly,
    govern: appOnly,
  },
};

const statuses = Object.keys(rulings) as OrganizationStatus[];

/** Principals that act for the app. */
const ofTheApp: ReadonlySet<string> = new Set(['SUPER_ADMIN', 'GENERIC_MACHINE_USER']);

const sideOf = (held: readonly string[]): Side =>
  held.some((principal) => ofTheApp.has(principal)) ? 'app' : 'people';

/** The decision on an operation, by the status of the organization and the principals of the caller. */
export const rulingOn = (
  status: OrganizationStatus,
  operation: OrganizationOperation,
  held: readonly string[],
): Ruling => rulings[status][operation][sideOf(held)];

const allowsOperation = (ruling: Ruling): boolean => ruling === 'allowed' || ruling === 'in outline';

/** The statuses that allow an operation, for statements that include the access decision. */
export const statusesPermitting = (operation: OrganizationOperation, held: readonly string[]): OrganizationStatus[] =>
  statuses.filter((status) => allowsOperation(rulingOn(status, operation, held)));

/** The statuses in which memberships and roles are effective. */
export const statusesInForce = (): OrganizationStatus[] => statusesPermitting('use', []);

/** The error codes with which a status can refuse an operation, for the documentation. */
export const statusRefusals = (operation: OrganizationOperation): StatusRefusal[] =>
  statuses
    .flatMap((status) => Object.values(rulings[status][operation]))
    .filter((ruling): ruling is StatusRefusal => !allowsOperation(ruling));
