/** A rate limit: a burst of `count`, refilled evenly over the period. */
interface Limit {
  /** Default number; an app can override it. */
  readonly count: number;
  readonly periodSeconds: number;
  readonly description: string;
}

const hour = 3600;
const day = 24 * hour;

/**
 * The closed list of limits, each a number in the app setting `limits`. The name gives what is counted, the subject and
 * the period. All units can be consumed at once; consumed units are refilled evenly over the period.
 */
export const limits = {
  signInsPerAddressPerHour: {
    count: 200,
    periodSeconds: hour,
    description: 'Failed sign-ins from one client address in an hour, regardless of the accounts.',
  },
  signInsPerAccountPerHour: {
    count: 20,
    periodSeconds: hour,
    description: 'Failed sign-ins to one account in an hour from devices that are unknown to the account.',
  },
  signInsPerDevicePerHour: {
    count: 20,
    periodSeconds: hour,
    description: 'Failed sign-ins to one account in an hour from one known device.',
  },
  newDeviceMailsPerUserPerDay: {
    count: 10,
    periodSeconds: day,
    description: 'Mails to one user about sign-ins from unknown devices in a day.',
  },
  passwordChecksPerUserPerHour: {
    count: 20,
    periodSeconds: hour,
    description: 'Wrong current passwords of one signed-in user in an hour.',
  },
  secondFactorsPerUserPerHour: {
    count: 10,
    periodSeconds: hour,
    description:
      'Wrong codes of second factors of one user in an hour, from devices and sessions in which the user has not ' +
      'used a second factor before.',
  },
  secondFactorsPerDevicePerHour: {
    count: 10,
    periodSeconds: hour,
    description:
      'Wrong codes of second factors of one user in an hour, from one device or session in which the user has used a ' +
      'second factor before.',
  },
  secondFactorsPerAddressPerHour: {
    count: 100,
    periodSeconds: hour,
    description: 'Wrong codes of second factors from one client address in an hour, regardless of the accounts.',
  },
  passkeyChallengesPerAddressPerHour: {
    count: 1000,
    periodSeconds: hour,
    description:
      'Requests for options of passkeys from one client address in an hour, by people who are not signed in.',
  },
  signUpsPerAddressPerHour: {
    count: 100,
    periodSeconds: hour,
    description: 'Sign-ups from one client address in an hour.',
  },
  codeRequestsPerAddressPerHour: {
    count: 100,
    periodSeconds: hour,
    description: 'Requests for a mailed code from one client address in an hour.',
  },
  wrongLongCodesPerAddressPerHour: {
    count: 100,
    periodSeconds: hour,
    description:
      'Wrong long codes from one client address in an hour. A correct code is accepted even beyond the limit.',
  },
  codeRequestsPerAccountPerHour: {
    count: 10,
    periodSeconds: hour,
    description: 'Mails of one kind in an hour that the owner of one mailbox requests or needs.',
  },
  reservedCodeMailsPerAccountPerHour: {
    count: 3,
    periodSeconds: hour,
    description:
      'Further mails with a code to one account in an hour, if the request comes from a network or device that was ' +
      'used with the account before.',
  },
  mailsPerMailboxPerHour: {
    count: 10,
    periodSeconds: hour,
    description:
      'Mails to one mailbox in any hour that other people cause: sign-ups, invitations, notices. Further mails wait.',
  },
  mailsPerMailboxPerDay: {
    count: 30,
    periodSeconds: day,
    description: 'Mails to one mailbox in any day that other people cause. A number above 500 means unlimited.',
  },
  rejectionsPerUserPerDay: {
    count: 2,
    periodSeconds: day,
    description: 'Sign-ups of one user that the owner of the mailbox rejects in a day.',
  },
  idpIntentsPerAddressPerHour: {
    count: 300,
    periodSeconds: hour,
    description: 'Sign-ins through identity providers started from one client address in an hour.',
  },
  tokenRequestsPerMachinePerMinute: {
    count: 600,
    periodSeconds: 60,
    description: 'Tokens that one machine user gets in a minute.',
  },
  introspectionsPerMachinePerMinute: {
    count: 30_000,
    periodSeconds: 60,
    description: 'Tokens that one machine user introspects with its secret in a minute.',
  },
  invitationsPerDay: {
    count: 100,
    periodSeconds: day,
    description: 'Invitations of one organization in a day.',
  },
  exchangeCodesPerUserPerHour: {
    count: 60,
    periodSeconds: hour,
    description: 'Codes of one user in an hour with which products on other hosts get a session.',
  },
  organizationRenamesPerUserPerDay: {
    count: 20,
    periodSeconds: day,
    description: 'Attempts of one user to rename an organization in a day.',
  },
  organizationsPerUserPerDay: {
    count: 20,
    periodSeconds: day,
    description: 'Attempts of one user to create an organization in a day.',
  },
  securityChangesPerOrganizationPerHour: {
    count: 10,
    periodSeconds: hour,
    description: 'Changes of the security policy of one organization by its owners in an hour.',
  },
  roleMailsPerUserPerDay: {
    count: 20,
    periodSeconds: day,
    description: 'Mails to one user in a day about roles that one organization granted directly.',
  },
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof limits;

export const limitNames = Object.keys(limits) as LimitName[];

/** Default numbers of all limits. */
export const defaultCounts = Object.fromEntries(limitNames.map((name) => [name, limits[name].count])) as Record<
  LimitName,
  number
>;
