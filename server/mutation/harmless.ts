/** A guard that the generated tests do not cover, with the second guard that protects the data. */
export interface Harmless {
  /** Path relative to the server's directory. */
  readonly file: string;
  readonly guard: string;
  /** Code of the declaration before the guard. If several entries match, the nearest code counts. */
  readonly context: string;
  readonly reason: string;
}

const app = 'app_id = ${appId}';
const appOf = (alias: string): string => `${alias}.${app}`;
const appOfAsked = (alias: string): string => `${alias}.app_id = asked.app_id`;
const user = 'user_id = ${userId}';

/**
 * Ids are unique in the deployment (ids.test.ts), and references to a row are always within its app
 * (tenancy.schema.test.ts).
 */
const once = (what: string): string => `ids are unique: no two rows have the id of ${what}`;
/** Keys of predefined roles are unique in an app only. */
const otherApps = 'roles-of-other-apps.test.ts tests a role with the same key in another app';
const background = (what: string): string => `no call reaches it; ${once(what)}`;

type Entry = readonly [guard: string, context: string, reason: string];
const of = (file: string, entries: readonly Entry[]): Harmless[] =>
  entries.map(([guard, context, reason]) => ({ file: `src/${file}`, guard, context, reason }));

export const harmless: readonly Harmless[] = [
  ...of('audit/events.store.ts', [
    [appOf('m'), 'function membersAmong', once('a user and of an organization')],
    [
      app,
      'function deleteEventsBefore',
      'no call reaches it; sweep-events.test.ts checks that events of another app are kept',
    ],
    [appOf('e'), 'function deleteEventsBefore', background('an event')],
    [
      'm.org_id = ${orgId}',
      'organization_machine_users m',
      'a machine user of an organization acts in its own organization only',
    ],
  ]),
  ...of('codes/codes.store.ts', [
    [
      app,
      'SELECT id, long_hash FROM codes\n      WHERE',
      'the ids are those of codes of the app, and the following UPDATE and DELETE have the condition',
    ],
    [app, 'AS place FROM codes', once('a user')],
    [
      app,
      'SELECT id FROM codes\n      WHERE',
      `the enclosing DELETE has the condition on the app, and ${once('a user')}`,
    ],
    [app, 'function countUsableCodes', once('a user')],
    [
      'org_id IS NOT DISTINCT FROM ${binding.orgId ?? null}::bigint',
      'function countCodeAttempt',
      'the hash of a code is bound to its organization: only counters of the same person’s codes are raised',
    ],
    [app, 'function lockCodesOf', 'it only locks: the following DELETE has the condition on the app'],
    [user, 'function lockCodesOf', 'it only locks: the following DELETE has the condition on the code'],
    ['user_id = ${binding.userId}', 'function findLongCode', 'the hash of a code is bound to its user'],
    [
      'org_id IS NOT DISTINCT FROM ${binding.orgId ?? null}::bigint',
      'function findLongCode',
      'the hash of a code is bound to its organization',
    ],
    [appOf('used'), 'function consumeCode', `the code was found in the app, and ${once('a code')}`],
    ['used.user_id = ${userId}', 'function consumeCode', 'the code was found among those of the same user'],
    [app, 'function countRequestedCodes', once('a user')],
  ]),
  ...of('codes/live-code.ts', [
    [app, 'function listLiveCodes', 'no call reaches it; the hash of a code is bound to its app'],
    [user, 'function listLiveCodes', 'no call reaches it; the hash of a code is bound to its user'],
  ]),
  ...of('devices/devices.store.ts', [
    [app, 'const storeDevice', `the token of a device is random, and ${once('a user')}`],
    ['user_id = ${use.userId}', 'const storeDevice', 'ON CONFLICT does not change the device of another user'],
    [appOf('d'), 'const rememberedDevice', once('a user')],
    [appOf('u'), 'function findRememberedDevice', once('a user')],
    [appOf('d'), 'function rememberFactor', once('a user')],
    [appOf('u'), 'function rememberFactor', once('a user')],
    [
      'd.user_id = u.id',
      'const rememberedDevice',
      'remembered-devices.test.ts tests another person in the same browser',
    ],
    [
      'd.user_id = ${device.userId}',
      'function rememberFactor',
      'the token of a device belongs to one user (primary key)',
    ],
  ]),
  ...of('access/decide.ts', [
    [app, 'function heldOverSession', 'the DELETE that ends the session repeats the condition on the app'],
  ]),
  ...of('idempotency/idempotency.store.ts', [
    [app, 'function findKeptAnswer', 'the hash of a key is one of the app too'],
  ]),
  ...of('identity-providers/identities.store.ts', [
    [appOf('u'), 'function lockUserOfIdentity', `the identity is asked for in the app, and ${once('a user')}`],
    [app, 'function hasOtherSubject', once('a user')],
    [appOf('u'), 'function deleteUnvouchedIdentities', once('a user')],
    [
      appOf('p'),
      'function deleteUnvouchedIdentities',
      `the identity is asked for in the app, and ${once('a provider')}`,
    ],
    [appOf('p'), 'function hasOtherSignInMethod', `the identity is asked for in the app, and ${once('a provider')}`],
    [appOf('i'), 'function hasOtherSignInMethod', once('a user')],
  ]),
  ...of('identity-providers/identity-providers.store.ts', [
    [app, 'function lockProvider', 'it only locks: the following UPDATE has the condition on the app'],
    [app, 'function replaceSealedSecret', background('a provider')],
  ]),
  ...of('federation/intents.store.ts', [
    [app, 'function startIntent', `the app is that of the intent, and ${once('an intent')}`],
    [app, 'function takeState', `the app is that of the intent, and ${once('an intent')}`],
    [app, 'function succeedIntent', `the app is that of the intent, and ${once('an intent')}`],
    [app, 'function failIntent', `the app is that of the intent, and ${once('an intent')}`],
  ]),
  ...of('invitations/invitations.store.ts', [
    ['i.user_id = ${userId}', 'function acceptInvitations', 'the invitation also has to be to the address of the user'],
    [appOf('m'), 'const invitationColumns', once('a user and of an organization')],
    [appOf('u'), 'function isAwaited', once('a user')],
    [appOf('i'), 'function isAwaited', once('a user')],
    [appOf('u'), 'function lockInvitedOf', 'the ids come from invitations of the app'],
    [appOf('i'), 'function lockInvitedOf', 'the users are asked for in the app'],
    ['i.org_id = ${orgId}', 'function lockInvitedOf', 'only users without a remaining invitation are deleted'],
    [appOf('u'), 'function lockInvitedTo', 'the ids come from invitations of the app'],
    [appOf('i'), 'function lockInvitedTo', 'the users are asked for in the app'],
    ['i.scope_id = ${role.scopeId}', 'function lockInvitedTo', 'only users without a remaining invitation are deleted'],
    [appOf('i'), 'function hasLiveInvitation', once('a user')],
    [
      'i.user_id = ${userId}',
      'function hasLiveInvitation',
      'a user who is only invited is deleted with the last invitation',
    ],
    [appOf('o'), 'function findNewestLiveInvitation', once('an organization')],
    [appOf('i'), 'function findNewestLiveInvitation', once('a user')],
    [
      'm.org_id = ${orgId}',
      'FROM organization_machine_users m',
      'a machine user of an organization acts in its own organization only',
    ],
    ['i.user_id = u.id', 'function isAwaited', 'unproven-mailbox.test.ts tests the invitation of somebody else'],
  ]),
  ...of('keys/signing-keys.store.ts', [
    [app, 'function findPublishedKey', 'the id of a key is its thumbprint (RFC 7638)'],
    [app, 'function findSealedPrivateKey', 'the id of a key is its thumbprint (RFC 7638)'],
  ]),
  ...of('machine-users/machine-users.store.ts', [
    ['s.machine_user_id = machine.id', 'used AS (', once('a secret')],
    ['m.app_id = asked.app_id', 'function findMachines', 'the conditions on secret and key include the app'],
    ['s.machine_user_id = m.id', 'function findMachines', once('a secret')],
    [
      appOfAsked('m'),
      'function findClients',
      `the condition on the secret includes the app, and ${once('a machine user')}`,
    ],
    [appOf('m'), 'function findMachineUser', once('a machine user')],
  ]),
  ...of('members/last-owner.ts', [
    [app, 'function checkNotLastOwner', once('a user')],
    [user, 'function checkNotLastOwner', 'it locks more rows; the following statement has the condition on the user'],
    [app, 'SELECT id FROM organizations', `it only locks, and ${once('an organization')}`],
  ]),
  ...of('search/member-search.store.ts', [
    [appOf('m'), 'UPDATE members m SET is_searchable', once('a user and of an organization')],
    [app, 'function unsearchable', 'other members may be indexed too'],
    ['org_id = ${orgId}', 'function unsearchable', 'other members may be indexed too'],
    [app, 'const isUnsearchable', 'it only checks whether there is work, and other members may be indexed too'],
    [
      'org_id = ${orgId}',
      'const isUnsearchable',
      'it only checks whether there is work, and other members may be indexed too',
    ],
    [user, 'function indexUser', 'other members may be indexed too, with their present names'],
  ]),
  ...of('members/members.store.ts', [
    [app, 'FROM member_roles WHERE', once('a user and of an organization')],
    [app, 'FROM organization_machine_roles', once('a machine user and of an organization')],
    ['mr.scope_id = taken.scope_id', 'function takeRoles', 'only keys of predefined roles begin with global:'],
  ]),
  ...of('members/organization-users.store.ts', [
    ['s.org_id = ${orgId}', 'function searchedByText', 'the search parts are hashed together with the organization'],
  ]),
  ...of('organizations/organizations.store.ts', [
    [app, 'function keepOrganization', `it only locks, and ${once('an organization')}`],
    [app, 'function closeOrganization', 'it only locks: the following DELETE has the condition on the app'],
    [
      'id = ${orgId}',
      'function closeOrganization',
      'it only locks: the following DELETE has the condition on the organization',
    ],
    [app, 'function lockOrganization', `it only locks, and ${once('an organization')}`],
    [
      'id = ${orgId}',
      'function lockOrganization',
      'it locks more rows; the decision on access has found the organization',
    ],
    [app, 'function countOrganizationsCreatedBy', once('a user')],
  ]),
  ...of('not-me/not-me.store.ts', [
    [user, 'function endSession', 'the sealed token of the link contains both ids'],
    [user, 'function unlinkIdentity', 'the sealed token of the link contains both ids'],
    [app, 'function removePassword', `the following UPDATE has the condition on the app, and ${once('a user')}`],
    [app, 'DELETE FROM mfa_challenges', once('a user')],
  ]),
  ...of('outbox/outbox.store.ts', [
    [app, 'function markSent', background('a mail')],
    [app, 'function markVoid', background('a mail')],
    [app, 'function postpone', background('a mail')],
    [app, 'function giveUp', background('a mail')],
  ]),
  ...of('sessions/sessions.store.ts', [
    [
      user,
      'DELETE FROM sessions WHERE app_id = ${appId} AND user_id = ${userId}',
      'the ids are of sessions of the user',
    ],
    [app, 'function replaceToken', 'the token of a session is random'],
    [app, 'function holdSession', once('a session')],
    [appOfAsked('s'), 'function findSessionsOfAccessTokens', once('a session')],
    [appOfAsked('u'), 'function findSessionsOfAccessTokens', once('a user')],
    [appOfAsked('k'), 'function findSessionsOfAccessTokens', 'the id of a key is its thumbprint (RFC 7638)'],
    [appOfAsked('m'), 'function findSessionsOfAccessTokens', once('a user and of an organization')],
    [appOfAsked('o'), 'function findSessionsOfAccessTokens', once('an organization')],
    [app, 'function deleteEnrolmentSessions', once('a user')],
    [app, 'SELECT FROM devices', once('a user')],
    ['s.user_id = asked.user_id', 'function findSessionsOfAccessTokens', 'the token is signed, and names both'],
    [
      'm.org_id = asked.org_id',
      'function findSessionsOfAccessTokens',
      'token-confusion.test.ts tests an organization without the person',
    ],
    [
      'm.user_id = asked.user_id',
      'function findSessionsOfAccessTokens',
      'access-token-use.test.ts removes the person from the organization',
    ],
    ['user_id = ${session.userId}', 'function renewAuthentication', 'the session is that of the caller'],
    ['user_id = ${session.userId}', 'function recordFactor', 'the session is that of the caller'],
    ['user_id = ${userId}', 'SELECT FROM devices', 'it only raises the version of the user'],
  ]),
  ...of('sign-in/sign-in.store.ts', [
    [appOf('d'), 'function countSignInAttempt', 'the token of a device is random'],
    [app, 'function storeChallenge', once('a user')],
  ]),
  ...of('users/super-admins.store.ts', [
    [appOf('u'), 'function moveSuperAdminInvitation', once('a user')],
    [appOf('earlier'), 'function moveSuperAdminInvitation', once('a user')],
    [app, 'function superAdminInvitationEnd', once('a user')],
  ]),
  ...of('accounts/account-export.store.ts', [
    [appOf('m'), 'function exportOrganizations', once('a user')],
    [appOf('u'), 'const isClaimed', once('a user')],
    [appOf('o'), 'const exportInvitations', once('an organization')],
    [appOf('i'), 'const exportInvitations', once('a user')],
    [appOf('p'), 'const exportIdentities', once('a provider')],
    [appOf('l'), 'const exportIdentities', once('a user')],
    [appOf('named'), 'const exportApiKeys', once('an API key')],
    [appOf('k'), 'const exportApiKeys', once('a user')],
    [app, 'const exportFactors', once('a user')],
    [appOf('m'), 'const exportMachineSecrets', once('a machine user')],
    [appOf('s'), 'const exportMachineSecrets', once('a user')],
    ['named.org_id = k.org_id', 'const exportApiKeys', once('an API key')],
  ]),
  ...of('users/app-users.store.ts', [[app, 'function addressesOf', once('a user')]]),
  ...of('users/known-requester.ts', [
    [app, 'SELECT ip FROM sessions', once('a user')],
    [app, 'SELECT NULL FROM devices', once('a user')],
    [
      user,
      'SELECT ip FROM sessions',
      'it only affects a mail; mail-quotas.test.ts tests the session of another person',
    ],
    [
      user,
      'SELECT NULL FROM devices',
      'it only affects a mail; mail-quotas.test.ts tests the device of another person',
    ],
  ]),
  ...of('accounts/unclaimed.store.ts', [
    [
      'm.user_id = u.id',
      'function listUnclaimed',
      'no call reaches it; unclaimed.test.ts tests the number of organizations of each user',
    ],
    [appOf('m'), 'function listUnclaimed', background('a user')],
    [appOf('u'), 'function listUnclaimed', 'no call reaches it; unclaimed.test.ts tests another app'],
  ]),
  ...of('users/sign-up-event.ts', [[app, 'function signUpOf', once('a user')]]),
  ...of('users/users.store.ts', [
    [app, 'function lockActiveUser', once('a user')],
    [app, 'function lockCredentials', once('a user')],
    [app, 'const setPasswordHashWhere', once('a user')],
  ]),
  ...of('access/relations.ts', [
    [appOf('caller'), 'const relationOfOrganizationMachine', once('a machine user')],
    [appOf('o'), 'const relationOfOrganizationMachine', once('an organization')],
    [appOf('o'), 'const throughOrganizationOf', once('an organization')],
    [appOf('target'), 'const throughOrganizationOf', once('a user and of an organization')],
    [appOf('caller'), 'const throughOrganizationOf', once('a machine user')],
  ]),
  ...of('api-keys/api-keys.operator.store.ts', [
    [app, 'const listAllApiKeys', 'no call reaches it; operate/api-keys.test.ts tests another app'],
    [app, 'function deleteAnyApiKey', background('an API key')],
  ]),
  ...of('api-keys/api-keys.store.ts', [
    [appOf('k'), 'function countApiKeys', once('a user and of an organization')],
    [appOf('k'), 'function findApiKey', once('an API key')],
    [app, 'function holdMachine', once('a machine user')],
    [app, 'function endKeysOf', once('a user')],
    ['named.org_id = k.org_id', 'const apiKeyColumns', once('an API key')],
  ]),
  ...of('api-keys/find-api-keys.store.ts', [
    [appOfAsked('r'), 'JOIN roles r', otherApps],
    [appOfAsked('named'), 'const namedRights', once('an API key')],
    [appOfAsked('m'), 'function findApiKeys', once('a user and of an organization')],
    [appOfAsked('w'), 'function findApiKeys', once('a machine user')],
    ['named.org_id = k.org_id', 'const namedRights', once('an API key')],
    ['held.scope_id = named.scope_id', 'function findApiKeys', 'keys of predefined roles have a prefix'],
  ]),
  ...of('factors/factor-resets.store.ts', [
    [appOf('u'), 'const activeSuperAdmin', once('a user')],
    [appOf('r'), 'function insertFactorReset', once('a user')],
    [
      'r.user_id = ${userId}',
      'function insertFactorReset',
      'a reset that nobody with the right has requested is void in any case',
    ],
    ['user_id = ${userId}', 'function deleteFactorReset', once('a reset')],
  ]),
  ...of('factors/factors.store.ts', [
    [app, 'function insertFactor', once('a user')],
    [appOf('u'), 'function settleDeletion', once('a user')],
    [app, 'function deleteRejectedFactors', once('a user')],
    [app, 'function deleteFactors', once('a user')],
    [app, 'function replaceSealedFactor', background('a factor')],
    ['user_id = ${factor.userId}', 'function confirmFactor', 'the factor was found among those of the user'],
    ['user_id = ${factor.userId}', 'function useStep', 'the factor was found among those of the user'],
    ['user_id = ${userId}', 'WITH rejectable', 'the DELETE that follows asks for the user'],
    ['f.user_id = ${userId}', 'function deleteRejectedFactors', 'the ids are those of factors of the user'],
  ]),
  ...of('factors/passkeys.store.ts', [
    [appOf('f'), 'function findCredentialsByEmail', once('a user')],
    [app, 'function usePasskey', once('a factor')],
    [
      'f.user_id = u.id',
      'function findCredentialsByEmail',
      'passkey-sign-in.test.ts compares the options for different addresses',
    ],
    ['user_id = ${passkey.userId}', 'function usePasskey', 'the passkey was found among those of the user'],
    ['f.user_id = ${passkey.userId}', 'AS before', 'the id is that of a passkey of the user'],
  ]),
  ...of('factors/recovery-codes.store.ts', [
    [app, 'function hasRecoveryCode', once('a user')],
    ['user_id = ${userId}', 'function hasRecoveryCode', 'the UPDATE that follows asks for the user'],
    ['user_id = ${userId}', 'function useRecoveryCode', 'the code was found among those of the user'],
  ]),
  ...of('organization-machine-users/former-owners.store.ts', [
    [appOf('o'), 'function scheduleEnd', once('an organization')],
    [appOf('m'), 'function scheduleEnd', once('a machine user')],
    [appOf('held'), 'function scheduleEnd', once('a user and of an organization')],
    [appOf('u'), 'function scheduleEnd', once('a user')],
  ]),
  ...of('organization-machine-users/organization-machine-lookups.store.ts', [
    [appOfAsked('m'), 'function findOrganizationMachines', once('a machine user')],
    [appOfAsked('o'), 'function findOrganizationMachines', once('an organization')],
    [appOfAsked('s'), 'function findOrganizationMachines', once('a machine user and of a secret')],
    [appOfAsked('k'), 'function findOrganizationMachines', 'the id of a key is its thumbprint (RFC 7638)'],
    [
      appOfAsked('m'),
      'function findOrganizationClients',
      `the condition on the secret includes the app, and ${once('a machine user')}`,
    ],
    [appOfAsked('o'), 'function findOrganizationClients', once('an organization')],
    [appOfAsked('r'), 'function findOrganizationClients', otherApps],
    [appOfAsked('mr'), 'function findOrganizationClients', once('a machine user and of an organization')],
    ['m.org_id = asked.org_id', 'function findOrganizationMachines', 'the token is signed, and names both'],
    ['s.machine_user_id = m.id', 'function findOrganizationMachines', 'the token is signed, and names both'],
    ['mr.org_id = m.org_id', 'function findOrganizationClients', once('a machine user')],
    ['s.machine_user_id = machine.id', 'function touchOrganizationSecret', once('a secret')],
  ]),
  ...of('organization-machine-users/organization-machine-secrets.store.ts', [
    [app, 'function countOrganizationMachineSecrets', once('a machine user')],
    [appOf('m'), 'function isOwnerOrSuperAdmin', once('a user and of an organization')],
    [appOf('u'), 'function isOwnerOrSuperAdmin', once('a user')],
    [app, 'function deleteSecretsCreatedBy', once('a user')],
    [
      'machine_user_id = ${machineUserId}',
      'UPDATE organization_machine_secrets SET confirm_by = NULL',
      'the secret was found among those of the machine user',
    ],
  ]),
  ...of('organization-machine-users/organization-machine-users.store.ts', [
    [app, 'function countOrganizationMachines', once('an organization')],
    [app, 'function getOrganizationName', once('an organization')],
    [appOf('s'), 'function listMachinesOfApp', once('a machine user')],
    [appOf('o'), 'function listMachinesOfApp', once('an organization')],
    [
      appOf('m'),
      'function listMachinesOfApp',
      'no call reaches it; operate/organization-machines.test.ts tests another app',
    ],
    [app, 'function deleteMachineOfApp', background('a machine user')],
    ['held.org_id = m.org_id', 'const organizationMachineColumns', once('a machine user')],
    [
      'm.org_id = ${orgId}',
      'function findOrganizationMachine',
      'it is also locked in the organization, or the list asks for it',
    ],
    ['org_id = ${machine.orgId}', 'function lockOrganizationMachine', 'it is read in the organization afterwards'],
    ['org_id = ${orgId}', 'function patchMachineRow', 'it was locked in the organization before'],
    ['held.org_id = ${orgId}', 'function setMachineRoles', 'it was locked in the organization before'],
  ]),
  ...of('organizations/security.store.ts', [
    [appOf('o'), 'function lockSecurity', once('an organization')],
    [app, 'function findSecurity', once('an organization')],
  ]),
  ...of('passkeys/passkey-challenges.store.ts', [
    [app, 'function issueChallenge', `the value to which a challenge is bound is random, or ${once('a session')}`],
  ]),
  ...of('roles/effective-permissions.store.ts', [
    [appOf('r'), "SELECT 'ORG_OWNER'", otherApps],
    [appOfAsked('m'), 'function selectGrants', once('a user and of an organization')],
    [appOfAsked('s'), 'function selectGrants', once('a session')],
    ['s.user_id = asked.user_id', 'LEFT JOIN sessions s', 'security.test.ts tests the session of another person'],
  ]),
  ...of('sign-in/mfa-challenges.store.ts', [
    [app, 'SELECT token_hash FROM devices', `the token of a device is random, and ${once('a user')}`],
  ]),
  ...of('email/mails.store.ts', [[user, 'function mailedSince', 'sign-up.test.ts tests a mail to somebody else']]),
  ...of('exchanges/exchanges.store.ts', [[appOf('o'), 'const ownOrganization', once('an organization')]]),
];
