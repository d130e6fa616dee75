/** The texts of further pages of the account in English. */
export const englishAccount = {
  // Address.
  emailTitle: 'Change your address',
  emailLead: 'Your address is {{email}}. We send a code to the new one. Until you enter it, nothing changes.',
  newEmail: 'New email address',
  codeSentTo: 'If {{email}} can be used, a mail with a code is on its way there.',
  changeAddress: 'Change the address',
  emailChanged: 'Your address is changed. Your other sessions have ended.',

  // Linked accounts.
  identitiesTitle: 'Linked accounts',
  identitiesLead: 'With these accounts at other providers you can sign in.',
  noIdentities: 'No account is linked.',
  linkedAt: 'Linked {{time}}',
  unlink: 'Unlink',
  unlinkNamed: 'Unlink {{name}}',
  linkAccount: 'Link an account of {{provider}}',
  identityLinked: 'The account is linked. You can sign in with it from now on.',
  identityTaken: 'This account is already linked to somebody else here.',
  linkFailed: 'The account was not linked. Try again.',
  identityUnlinked: 'You can no longer sign in with this account.',
  lastMethod: 'This is your only way to sign in. Set a password first: sign out, and choose "Forgot password?".',
  identityNotFound: 'This account is not linked any more.',

  // API keys.
  apiKeys: 'API keys',
  keysLead: 'With an API key, a program acts in your name in one organization. Keep it secret.',
  noKeys: 'You have no API keys.',
  keyName: 'Name of the key',
  keyFor: 'Create a key for {{name}}',
  keyLifetime: 'Valid for',
  forDays: '{{days}} days',
  neverExpires: 'No end date',
  neverUsed: 'Not used yet',
  createKey: 'Create a key',
  noKeyPossible: 'A key needs a role in an organization, and you have none.',
  keyShownOnce: 'Store the key now. It is not shown again.',
  keyStored: 'I have stored the key',
  revoke: 'Revoke',
  revokeKey: 'Revoke {{name}}',
  keyRevoked: 'The key no longer works.',
  keyNotFound: 'There is no such key any more.',
  tooManyKeys: 'You have the largest number of keys. Revoke one first.',

  // Data and deletion.
  dataTitle: 'Your data',
  exportTitle: 'Download your data',
  exportLead: 'You get a JSON file with everything that is stored about you.',
  download: 'Download',
  deleteAccount: 'Delete account',
  deletionLead: 'Your account and its data are deleted at once, and you lose your roles. Nobody can restore them.',
  deletionSure: 'I want to delete my account.',
  deletionNotSure: 'Confirm that you want to delete your account.',
  accountDeleted: 'Your account is deleted.',
  lastSuperAdmin: 'You are the only super admin. Add another one first.',
};

export type AccountTexts = { readonly [Name in keyof typeof englishAccount]: string };
