import type { ErrorHelp } from './error-help-factors.ts';

/** Help for the codes about identity providers. */
export const helpOfProviders = {
  idp_not_found: {
    cause: 'The provider was deleted or switched off, or the id belongs to another app.',
    remedy: '`GET apps/metadata` lists the available providers.',
  },
  idp_limit_exceeded: {
    cause: 'An app has 50 identity providers already.',
    remedy: 'Delete providers that are not used.',
  },
  idp_discovery_failed: {
    cause:
      'The issuer URL is misspelt, unreachable from the service, returns another issuer, or offers no authorization ' +
      'code flow.',
    remedy: 'Open `<issuer>/.well-known/openid-configuration`: its `issuer` must equal the value that you send.',
  },
  idp_email_unverified: {
    cause:
      'The provider did not confirm that it verified the address: the claim `email_verified` (Microsoft: `xms_edov`) ' +
      'or the setting `trustEmail` is missing.',
    remedy:
      'Configure the claim at the provider. Or ask the person to sign in with another method and link the provider.',
  },
  idp_link_required: {
    cause: 'The account belongs to a super admin, or already has another identity of this provider.',
    remedy: 'Sign in with the password and link the provider while signed in.',
  },
  intent_invalid: {
    cause:
      'The sign-in took longer than ten minutes, was already finished, returned to another browser, or lacks its ' +
      '`codeVerifier`.',
    remedy:
      'Start again with `POST idp/intents/create`. Keep the code verifier in the browser tab that started the sign-in.',
  },
  identity_not_found: {
    cause: 'The identity was already unlinked, or belongs to another user.',
    remedy: '`GET users/me/identities` lists your identities.',
  },
  identity_already_linked: {
    cause: 'The person has two accounts, and the provider is linked to the other one.',
    remedy: 'Sign in to the other account and unlink the identity there.',
  },
  last_sign_in_method: {
    cause: 'The account has no password and no other identity.',
    remedy: 'Set a password with a password reset, then unlink the identity.',
  },
} as const satisfies Readonly<Record<string, ErrorHelp>>;
