/** Whether an organization is in service. */
export type OrganizationStatus = 'Active' | 'Inactive';

/** What can be done to an organization. Every route over one declares the kind of its operation. */
export const organizationOperations = {
  see: 'see that it exists, its name and its status',
  read: 'read what is in it: metadata, people, roles, invitations, audit',
  use: 'count on what one holds in it: permissions, manager roles, the sight of its people',
  change: 'change its name, metadata and roles',
  grant: 'give somebody something in it, or invite them',
  remove: 'take from somebody what they hold in it, or an invitation to it',
  govern: 'deactivate, reactivate and delete it',
} as const;

export type OrganizationOperation = keyof typeof organizationOperations;

/** From where somebody acts: as one of its people, or on the app's behalf (super admins and machine users). */
type Side = 'people' | 'app';

/** `in outline`: name and status only. A code: refused with it. */
type Ruling = 'allowed' | 'in outline' | 'organization_inactive' | 'organization_inactive_state';

/** The codes that a status can refuse with. */
export type StatusRefusal = Exclude<Ruling, 'allowed' | 'in outline'>;

type Rulings = Readonly<Record<OrganizationOperation, Readonly<Record<Side, Ruling>>>>;

const everybody = { people: 'allowed', app: 'allowed' } as const;
const appOnly = { people: 'organization_inactive', app: 'allowed' } as const;

/**
 * What each status allows. A deactivated organization gives nothing to its people, who still see that it is there;
 * nobody gains anything in it, and the app looks after it until it is reactivated with all it had.
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

/** Anyone who holds one of these over an organization acts on the app's behalf. */
const ofTheApp: ReadonlySet<string> = new Set(['SUPER_ADMIN', 'GENERIC_MACHINE_USER']);

const sideOf = (held: readonly string[]): Side =>
  held.some((principal) => ofTheApp.has(principal)) ? 'app' : 'people';

/** What the status of an organization says to an operation of somebody who holds this over it. */
export const rulingOn = (
  status: OrganizationStatus,
  operation: OrganizationOperation,
  held: readonly string[],
): Ruling => rulings[status][operation][sideOf(held)];

const allowsOperation = (ruling: Ruling): boolean => ruling === 'allowed' || ruling === 'in outline';

/** The statuses in which an operation goes through, for a statement that decides by itself. */
export const statusesPermitting = (operation: OrganizationOperation, held: readonly string[]): OrganizationStatus[] =>
  statuses.filter((status) => allowsOperation(rulingOn(status, operation, held)));

/** The statuses in which what its people hold in an organization counts. */
export const statusesInForce = (): OrganizationStatus[] => statusesPermitting('use', []);

/** The codes with which some status refuses an operation to somebody, for the documentation. */
export const statusRefusals = (operation: OrganizationOperation): StatusRefusal[] =>
  statuses
    .flatMap((status) => Object.values(rulings[status][operation]))
    .filter((ruling): ruling is StatusRefusal => !allowsOperation(ruling));
