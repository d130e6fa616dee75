import type { Words } from './words.ts';

/** The mails in English. */
export const english: Words = {
  purposes: {
    email_verification: {
      subject: 'Confirm your e-mail address for {{brandName}}',
      heading: 'Confirm your e-mail address',
      body: 'To finish signing up for {{brandName}}, please confirm that this address is yours.',
      action: 'Confirm my address',
      note:
        'If you did not sign up for {{brandName}}, do not confirm. Open the link below: after that, nobody can use ' +
        'the account with your address.',
    },
    invitation: {
      subject: 'You are invited to {{organizationName}} on {{brandName}}',
      heading: 'You are invited to {{organizationName}}',
      body: 'You are invited to join {{organizationName}} on {{brandName}}.',
      action: 'Accept the invitation',
      note: 'If you did not expect this invitation, you can ignore this mail: nothing happens until you accept.',
    },
    role_granted: {
      subject: 'You were added to {{organizationName}} on {{brandName}}',
      heading: 'You were added to {{organizationName}}',
      body: 'You now have the role “{{role}}” in {{organizationName}} on {{brandName}}. No action is needed.',
      action: 'Open {{brandName}}',
      note: '',
    },
    sign_up_attempted: {
      subject: 'Somebody tried to sign up for {{brandName}} with your address',
      heading: 'You have an account already',
      body:
        'Somebody tried to sign up for {{brandName}} with this address, which has an account already.\n\nIf it was ' +
        'you, sign in instead; you can reset your password if you have forgotten it.',
      action: 'Sign in',
      note: 'If it was not you, no action is needed: your account is unchanged.',
    },
    password_reset: {
      subject: 'Reset your password for {{brandName}}',
      heading: 'Reset your password',
      body: 'Somebody, hopefully you, asked to reset the password of your account at {{brandName}}.',
      action: 'Choose a new password',
      note:
        'If it was not you, you can ignore this mail: your password stays as it is. ' +
        'Do not give the code to anybody.',
    },
    password_changed: {
      subject: 'Your password for {{brandName}} was changed',
      heading: 'Your password was changed',
      body: 'The password of your account at {{brandName}} was changed.',
      action: 'Open {{brandName}}',
      note: 'If it was not you, open the link below: the new password is removed, and you choose another one.',
    },
    password_reset_done: {
      subject: 'Your password for {{brandName}} was reset',
      heading: 'Your password was reset',
      body:
        'The password of your account at {{brandName}} was reset with a code that was sent to this address.\n\nAll ' +
        'sessions were ended. All known devices were removed, except the device that was used now. You can still ' +
        'sign in with providers that confirm this e-mail address. All other providers were unlinked.',
      action: 'Open {{brandName}}',
      note: 'If it was not you, reset your password at once and check who can read your mail.',
    },
    reauthentication: {
      subject: 'Your code for {{brandName}}',
      heading: 'Confirm that it is you',
      body:
        'Somebody, hopefully you, is signed in to your account at {{brandName}} and wants to make a change that ' +
        'requires this confirmation.',
      action: 'Open {{brandName}}',
      note:
        'If it was not you, reset your password at once: somebody else is using your account. Do not give the code ' +
        'to anybody.',
    },
    sign_in_code: {
      subject: 'Your code to sign in to {{brandName}}',
      heading: 'Sign in',
      body:
        'Somebody, hopefully you, wants to sign in to {{brandName}} with this address. The code is valid for ten ' +
        'minutes. The link works only in the browser in which the code was requested; elsewhere, type the code.',
      action: 'Sign in',
      note: 'If it was not you, you can ignore this mail. Do not give the code to anybody.',
    },
    second_factor_code: {
      subject: 'Your second code to sign in to {{brandName}}',
      heading: 'Finish the sign-in',
      body:
        'Somebody, hopefully you, signs in to {{brandName}} and has already entered the first factor, for example ' +
        'your password. This code finishes the sign-in. It is valid for ten minutes.',
      action: 'Open {{brandName}}',
      note: 'If it was not you, change your password at once. Do not give the code to anybody.',
    },
    email_change: {
      subject: 'Confirm your new e-mail address for {{brandName}}',
      heading: 'Confirm your new e-mail address',
      body: 'Please confirm that you want to use this address for your account at {{brandName}}.',
      action: 'Confirm my new address',
      note: 'If you did not ask for this, you can ignore this mail. Do not give the code to anybody.',
    },
    email_change_requested: {
      subject: 'Your e-mail address for {{brandName}} is about to change',
      heading: 'Your e-mail address is about to change',
      body:
        'Somebody asked to change the e-mail address of your account at {{brandName}}. It changes as soon as the new ' +
        'address is confirmed.',
      action: 'Open {{brandName}}',
      note: 'If it was not you, change your password at once.',
    },
    new_device: {
      subject: 'New sign-in to {{brandName}}',
      heading: 'New sign-in',
      body:
        'Somebody signed in to your account at {{brandName}} from a device ' +
        'that was not used with the account before.',
      action: 'Open {{brandName}}',
      note:
        'If it was you, no action is needed. If not, open the link below: the session ends, and you choose a new ' +
        'password.',
    },
    identity_linked: {
      subject: '{{provider}} was linked to your account at {{brandName}}',
      heading: '{{provider}} was linked to your account',
      body: 'From now on you can sign in to {{brandName}} with {{provider}}.',
      action: 'Open {{brandName}}',
      note: 'If it was not you, open the link below: {{provider}} is unlinked, and you choose a new password.',
    },
    factor_added: {
      subject: 'A second factor was added to your account at {{brandName}}',
      heading: 'A second factor was added',
      body: 'From now on, signing in to {{brandName}} also requires “{{factorName}}”.',
      action: 'Open {{brandName}}',
      note:
        'If it was not you, follow the link below within a day: the factor is removed, even if it was used, and you ' +
        'choose a new password. Later, the factor is removed only if it was not used.',
    },
    factor_removed: {
      subject: 'A second factor was removed from your account at {{brandName}}',
      heading: 'A second factor was removed',
      body: '“{{factorName}}” was removed from your account at {{brandName}}. All other sessions have ended.',
      action: 'Open {{brandName}}',
      note:
        'If it was not you, follow the link below and tell the support of {{brandName}}: all sessions end, and you ' +
        'choose a new password.',
    },
    recovery_codes_replaced: {
      subject: 'New recovery codes for {{brandName}}',
      heading: 'Your recovery codes were replaced',
      body: 'New recovery codes were created for your account at {{brandName}}. The earlier ones are invalid.',
      action: 'Open {{brandName}}',
      note:
        'If it was not you, follow the link below and tell the support of {{brandName}}: all sessions end, and you ' +
        'choose a new password.',
    },
    recovery_code_used: {
      subject: 'A recovery code was used at {{brandName}}',
      heading: 'A recovery code was used',
      body:
        'Somebody, hopefully you, signed in to your account at {{brandName}} with a recovery code instead of the ' +
        'second factor. Unused codes: {{codesLeft}}.',
      action: 'Open {{brandName}}',
      note:
        'If it was not you, follow the link below and tell the support of {{brandName}}: all sessions end, and you ' +
        'choose a new password.',
    },
    factors_reset: {
      subject: 'Your second factors at {{brandName}} were removed',
      heading: 'Your second factors were removed',
      body:
        'An administrator of {{brandName}} removed the second factors of your account, and all sessions have ended. ' +
        'Add a second factor again after the next sign-in.',
      action: 'Open {{brandName}}',
      note: 'If you did not ask for this, reset your password at once and tell the support of {{brandName}}.',
    },
    api_key_created: {
      subject: 'A new API key at {{brandName}}',
      heading: 'An API key was created',
      body: 'The API key “{{keyName}}” for {{organizationName}} was created with your account at {{brandName}}.',
      action: 'Open {{brandName}}',
      note: 'If it was not you, follow the link below: the key ends, and you choose a new password.',
    },
    api_keys_need_adoption: {
      subject: 'API keys of {{organizationName}} no longer work at {{brandName}}',
      heading: 'API keys no longer work',
      body:
        'The person who created API keys of {{organizationName}} can no longer be responsible for them. These keys ' +
        'are refused until an owner adopts them.\n\nIf the person may have copies, create new keys instead and ' +
        'revoke these.',
      action: 'Open {{brandName}}',
      note: 'All owners of {{organizationName}} get this mail.',
    },
    credential_reported: {
      subject: 'A credential of {{organizationName}} was deleted at {{brandName}}',
      heading: 'A credential was deleted',
      body:
        'The person whose account created a credential of {{organizationName}} reported that it was somebody else. ' +
        'The credential was deleted, even if another owner had taken it over. Programs that use it no longer work.' +
        '\n\nCheck the members, API keys and machine users of {{organizationName}}. Create a new credential if you ' +
        'need one.',
      action: 'Open {{brandName}}',
      note: 'All owners of {{organizationName}} get this mail.',
    },
    machine_secret_created: {
      subject: 'A secret was created for {{machineUser}} at {{brandName}}',
      heading: 'A secret was created',
      body:
        'Your account created a secret for the machine user {{machineUser}} of {{organizationName}} at ' +
        '{{brandName}}. Any program that has the secret can act as this machine user.',
      action: 'Open {{brandName}}',
      note: 'If it was not you, follow the link below: the secret is deleted, and you choose a new password.',
    },
    machine_secret_created_by_app: {
      subject: 'A secret was created for {{machineUser}} at {{brandName}}',
      heading: 'A secret was created',
      body:
        'A program of {{brandName}} created a secret for the machine user {{machineUser}} of {{organizationName}}. ' +
        'Any program that has the secret can act as this machine user, until an owner deletes the secret.',
      action: 'Open {{brandName}}',
      note:
        'All owners of {{organizationName}} get this mail. If you do not expect this secret, delete it and tell the ' +
        'support of {{brandName}}.',
    },
    machine_secrets_end: {
      subject: 'Secrets of {{organizationName}} are about to end at {{brandName}}',
      heading: 'Secrets of machine users are about to end',
      body:
        'An owner who created secrets for machine users of {{organizationName}} is no longer an owner. These secrets ' +
        'stop working at {{time}}, unless another owner confirms them.\n\nIf the former owner may have copies, ' +
        'create new secrets instead and delete these.',
      action: 'Open {{brandName}}',
      note: 'All owners of {{organizationName}} get this mail.',
    },
    organization_security_changed: {
      subject: 'The security policy of {{organizationName}} was changed on {{brandName}}',
      heading: 'The security policy was changed',
      body:
        'The security policy of {{organizationName}} was changed on {{brandName}}. It decides how people must have ' +
        'signed in to use the organization, and applies at once.',
      action: 'Open {{brandName}}',
      note:
        'All owners of {{organizationName}} get this mail. If none of you made this change, change the policy back, ' +
        'and tell the support of {{brandName}}. If this mail says that you made it, but you did not, open the link ' +
        'below: all your sessions end, and you choose a new password.',
    },
    factors_reset_requested: {
      subject: 'Your second factors at {{brandName}} will be removed',
      heading: 'Your second factors will be removed',
      body:
        'An administrator of {{brandName}} will remove the second factors of your account, because somebody said ' +
        'that you have lost them. All sessions will end then.',
      action: 'Open {{brandName}}',
      note: 'If you did not ask for this, cancel it with the link below, and tell the support of {{brandName}}.',
    },
    super_admin_factors_reset: {
      subject: 'The second factors of a super admin of {{brandName}} will be removed',
      heading: 'The second factors of a super admin will be removed',
      body:
        'A super admin has requested to remove the second factors of {{email}}, another super admin of ' +
        '{{brandName}}. The owner of the account can cancel this. It does not happen if the super admin who ' +
        'requested it is removed before.',
      action: 'Open {{brandName}}',
      note: 'All super admins get this mail.',
    },
    security_settings_changed: {
      subject: 'The security settings of {{brandName}} were changed',
      heading: 'The security settings were changed',
      body:
        'Settings that protect the sign-in of everybody on {{brandName}} were changed. If no super ' +
        'admin made this change on purpose, change the settings back, and end the sessions of the account that ' +
        'made it.',
      action: 'Open {{brandName}}',
      note: 'All super admins get this mail.',
    },
    super_admin_granted: {
      subject: 'There is a new super admin of {{brandName}}',
      heading: 'A super admin was added',
      body: '{{email}} is now a super admin of {{brandName}}.',
      action: 'Open {{brandName}}',
      note: 'All super admins get this mail.',
    },
    super_admin_invited: {
      subject: 'You are invited to be a super admin of {{brandName}}',
      heading: 'You are invited to be a super admin',
      body: 'You are invited to be a super admin of {{brandName}}. To accept, choose a password within 7 days.',
      action: 'Choose a password',
      note:
        'If you did not expect this invitation, you can ignore this mail: nothing happens until you accept. Do not ' +
        'give the code to anybody.',
    },
    super_admin_removed: {
      subject: 'A super admin of {{brandName}} was removed',
      heading: 'A super admin was removed',
      body: '{{email}} is no longer a super admin of {{brandName}}.',
      action: 'Open {{brandName}}',
      note: 'All super admins get this mail.',
    },
  },
  common: {
    codeLabel: 'Your code',
    longCodeLabel: 'If this code is refused, enter the long one instead',
    linkHint: 'If the button does not work, open this address:',
    notMe: 'This was not me',
    footer: 'This mail was sent by {{brandName}}.',
  },
  labels: {
    organizationName: 'Organization',
    role: 'Role',
    device: 'Device',
    address: 'IP address',
    time: 'Time',
    email: 'New address',
    provider: 'Provider',
    keyName: 'API key',
    factorName: 'Second factor',
    effectiveAt: 'Takes effect',
    codesLeft: 'Unused recovery codes',
    unlinked: 'Unlinked',
    linked: 'Still linked',
    machineUser: 'Machine users',
    changedBy: 'Changed by',
    settings: 'Changed settings',
  },
  roles: { ORG_OWNER: 'Owner', ORG_USER_MANAGER: 'Manager' },
  policy: {
    fields: {
      mfa: 'Second factor',
      allowedFactors: 'Allowed second factors',
      maxSessionHours: 'Hours until people sign in again',
      rememberDays: 'Days without a second factor on remembered devices',
      signInMethods: 'Allowed sign-in methods',
    },
    values: {
      optional: 'optional',
      required: 'required',
      totp: 'authenticator app',
      passkey: 'passkey',
      password: 'password',
      emailCode: 'code by mail',
      provider: 'identity provider',
    },
    noRestriction: 'no restriction',
    separator: ', ',
    change: '{{value}} (before: {{before}})',
  },
  anAdministrator: 'an administrator',
  anOrganization: 'an organization',
  unknownDevice: 'not known',
};
