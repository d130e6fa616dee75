import { type MailContent, mailPurposes, type MailPurpose } from '../mail-texts/mail-purposes.ts';
import { type Branding, renderMail } from '../mail-texts/render.ts';
import { type Language, mailLanguages } from '../mail-texts/words.ts';

/** A mail as a file of the documentation. */
export interface MailSample {
  /** Path below `docs/mail-samples`, without extension. */
  readonly name: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

const circumstances = {
  device: 'Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0',
  address: '192.0.2.17',
  time: '2026-11-24T19:51:07.112Z',
};
const code = 'K7M2QXA';
const longCode = 'K7PQ2XMHB4T8V9WNRC3DYJ6FAG';
const link = (page: string) => ({ code, url: `https://app.acme.example/${page}?code=${longCode}` });

/** Shorter than a real token. */
const notMe = { ...circumstances, notMeUrl: 'https://id.acme.example/apps/acme/not-me#gh_n_aYf3kQ0N1x9bT2m' };

const contents: Readonly<Record<MailPurpose, MailContent>> = {
  email_verification: { ...link('verify'), ...notMe },
  invitation: { ...link('join'), organizationName: 'Jon Doe Inc', role: 'ORG_USER_MANAGER' },
  role_granted: { organizationName: 'Jon Doe Inc', role: 'writer' },
  sign_up_attempted: circumstances,
  password_reset: { ...link('reset'), ...circumstances },
  password_changed: notMe,
  password_reset_done: {
    unlinked: 'Google (sam@doe.example)',
    linked: 'Acme SSO (jon@acme.example)',
    ...notMe,
    notMeLinks: [
      {
        name: 'Acme SSO (jon@acme.example)',
        url: 'https://id.acme.example/apps/acme/not-me#gh_n_iR7wQ2Zp0L5cV8d',
      },
    ],
  },
  reauthentication: { code, longCode, ...circumstances },
  sign_in_code: { ...link('sign-in'), ...circumstances },
  second_factor_code: { code, longCode, ...circumstances },
  email_change: { code, longCode, ...circumstances },
  email_change_requested: { email: 'jon@doe.example', ...circumstances },
  new_device: notMe,
  identity_linked: { provider: 'Google', ...notMe },
  factor_added: { factorName: 'Phone', ...notMe },
  factor_removed: { factorName: 'Phone', ...notMe },
  recovery_codes_replaced: notMe,
  recovery_code_used: { codesLeft: '9', ...notMe },
  factors_reset: { time: circumstances.time },
  factors_reset_requested: { effectiveAt: circumstances.time, notMeUrl: notMe.notMeUrl },
  api_key_created: { keyName: 'nightly export', organizationName: 'Jon Doe Inc', ...notMe },
  api_keys_need_adoption: { organizationName: 'Jon Doe Inc', keyName: 'nightly export, website' },
  credential_reported: { organizationName: 'Jon Doe Inc', keyName: 'nightly export' },
  machine_secret_created: { organizationName: 'Jon Doe Inc', machineUser: 'exporter', ...notMe },
  machine_secret_created_by_app: {
    organizationName: 'Jon Doe Inc',
    machineUser: 'exporter',
    time: circumstances.time,
  },
  machine_secrets_end: {
    organizationName: 'Jon Doe Inc',
    machineUser: 'exporter, importer',
    time: circumstances.time,
  },
  organization_security_changed: {
    organizationName: 'Jon Doe Inc',
    changedBy: 'jon@doe.example',
    time: circumstances.time,
    policyChanges: [
      { field: 'mfa', before: 'required', after: 'optional' },
      { field: 'maxSessionHours', before: 12, after: null },
      { field: 'signInMethods', before: ['passkey', 'provider'], after: ['passkey', 'emailCode', 'provider'] },
    ],
    notMeUrl: notMe.notMeUrl,
  },
  super_admin_granted: { email: 'nora@acme.example', ...circumstances },
  super_admin_invited: { ...link('reset') },
  security_settings_changed: { settings: 'mfa, stepUp', changedBy: 'nora@acme.example', ...circumstances },
  super_admin_removed: { email: 'nora@acme.example', ...circumstances },
  super_admin_factors_reset: { email: 'nora@acme.example', effectiveAt: circumstances.time },
};

const plain = (language: Language): Branding => ({
  language,
  brandName: 'Acme Cloud',
  logoUrl: undefined,
  color: undefined,
  texts: {},
});

const purposes = Object.keys(mailPurposes) as MailPurpose[];
const sample = (name: string, purpose: MailPurpose, content: MailContent, look: Branding): MailSample => ({
  name: `${look.language}/${name}`,
  ...renderMail(purpose, content, look),
});

/** Every mail in every language, and one with the branding of an app. */
export const mailSamples: readonly MailSample[] = mailLanguages.flatMap((language) => [
  ...purposes.map((purpose) => sample(purpose, purpose, contents[purpose], plain(language))),
  sample('invitation-of-an-app', 'invitation', contents.invitation, {
    ...plain(language),
    brandName: 'حديقة Garden',
    color: '#ffd84d',
    texts: {
      'en.invitation.body': '{{organizationName}} grows with you.\n\nJoin as {{role}}.',
      'ar.invitation.body': 'تنمو {{organizationName}} معك.\n\nانضمّ بصفة {{role}}.',
      'en.footer': '{{brandName}}, 1 Meadow Lane, Springfield',
      'ar.footer': '{{brandName}}، شارع المرج 1',
    },
  }),
]);
