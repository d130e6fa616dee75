import { harmlessForPeople } from './harmless-people.ts';
import { app, appOf, appOfAsked, background, type Harmless, of, once, otherApps, user } from './harmless-terms.ts';

const ownOrganization = 'a machine user of an organization is refused for other organizations before';

const endsWithSecret = 'a token expires with its secret at the latest, and the expiry of a secret does not change';

/** All guards whose removal no test detects, with the second guards. */
export const harmless: readonly Harmless[] = [
  ...harmlessForPeople,
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
  ...of('access/require-standing.ts', [
    ['u.app_id = ${addressed.appId}', 'function requireStanding', once('a user')],
    ['s.app_id = ${addressed.appId}', 'function requireStanding', once('a session')],
  ]),
  ...of('access/decide.ts', [
    [app, 'function heldOverSession', 'the DELETE that ends the session repeats the condition on the app'],
  ]),
  ...of('idempotency/idempotency.store.ts', [
    [app, 'function findStoredResponse', 'the hash of a key is one of the app too'],
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
  ]),
  ...of('keys/signing-keys.store.ts', [
    [app, 'function findPublishedKey', 'the id of a key is its thumbprint (RFC 7638)'],
    [app, 'function findSealedPrivateKey', 'the id of a key is its thumbprint (RFC 7638)'],
  ]),
  ...of('machine-users/machine-users.store.ts', [
    ['s.machine_user_id = machine.id', 'used AS (', once('a secret')],
    ['m.app_id = asked.app_id', 'function findMachines', 'the conditions on secret and key include the app'],
    ['s.machine_user_id = m.id', 'function findMachines', once('a secret')],
    ['s.expires_at > ${now}', 'function findMachines', endsWithSecret],
    [
      appOfAsked('m'),
      'function findClients',
      `the condition on the secret includes the app, and ${once('a machine user')}`,
    ],
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
    [
      'org_id = ${orgId}',
      'SELECT scope_id, role_key FROM organization_machine_roles',
      'a machine user belongs to one organization',
    ],
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
  ...of('outbox/outbox.store.ts', [
    [app, 'function markSent', background('a mail')],
    [app, 'function markVoid', background('a mail')],
    [app, 'function postpone', background('a mail')],
    [app, 'function giveUp', background('a mail')],
  ]),
  ...of('access/relations.ts', [
    ['caller.org_id = o.id', 'const relationOfOrganizationMachine', ownOrganization],
    ['o.id = ${orgId}', 'const relationOfOrganizationMachine', ownOrganization],
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
    [appOf('k'), 'function getApiKey', once('an API key')],
    [appOf('k'), 'function lockApiKey', once('an API key')],
    [app, 'function holdMachine', once('a machine user')],
    ['named.org_id = k.org_id', 'const apiKeyColumns', once('an API key')],
  ]),
  ...of('api-keys/end-keys.store.ts', [
    [appOf('o'), 'function endKeys', once('an organization')],
    [app, 'function deleteAndReleaseKeys', once('a user')],
    [appOf('k'), 'const releaseKeysOfSuperAdmin', once('a user')],
    [app, 'const releaseKeysOfMachine', once('a machine user')],
  ]),
  ...of('branding/shown-branding.store.ts', [
    [app, 'function findOrganizationName', once('an organization')],
    ['c.org_id = ${orgId}', 'const codesOf', 'the hash of a code is one of its organization too'],
  ]),
  ...of('api-keys/find-api-keys.store.ts', [
    [appOfAsked('m'), 'function findApiKeys', once('a user and of an organization')],
    [appOfAsked('w'), 'function findApiKeys', once('a machine user')],
    ['named.org_id = k.org_id', 'const namedRights', once('an API key')],
    ['held.scope_id = named.scope_id', 'function findApiKeys', 'keys of predefined roles have a prefix'],
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
    ['s.expires_at > ${now}', 'function findOrganizationMachines', endsWithSecret],
    [
      appOfAsked('m'),
      'function findOrganizationClients',
      `the condition on the secret includes the app, and ${once('a machine user')}`,
    ],
    [appOfAsked('o'), 'function findOrganizationClients', once('an organization')],
    [appOfAsked('r'), 'function findOrganizationClients', otherApps],
    [appOfAsked('mr'), 'function findOrganizationClients', once('a machine user and of an organization')],
    ['mr.org_id = m.org_id', 'function findOrganizationClients', once('a machine user')],
    ['s.machine_user_id = machine.id', 'function touchOrganizationSecret', once('a secret')],
  ]),
  ...of('organization-machine-users/organization-machine-secrets.store.ts', [
    [app, 'function countOrganizationMachineSecrets', once('a machine user')],
    [appOf('m'), 'function deleteSecrets', once('a machine user')],
    [appOf('o'), 'function deleteSecrets', once('an organization')],
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
  ...of('organizations/security.store.ts', [[appOf('o'), 'function lockSecurity', once('an organization')]]),
  ...of('roles/effective-permissions.store.ts', [
    [appOf('r'), "SELECT 'ORG_OWNER'", otherApps],
    [appOfAsked('m'), 'function selectGrants', once('a user and of an organization')],
    [appOfAsked('s'), 'function selectGrants', once('a session')],
  ]),
  ...of('email/mails.store.ts', [[user, 'function mailedSince', 'sign-up.test.ts tests a mail to somebody else']]),
  ...of('exchanges/exchanges.store.ts', [[appOf('o'), 'const ownOrganization', once('an organization')]]),
];
