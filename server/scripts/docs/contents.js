/**
 * The table of contents of the documentation: every page that is written by hand, in reading order. The addresses, the
 * sidebar, `/llms.txt` and the check of links follow from it. A new page is one line here.
 *
 * @typedef {object} Entry
 * @property {string} address path on the service, without a suffix
 * @property {string} source file of the repository, or one section of it
 * @property {string} summary one line: what a reader finds there
 *
 * @typedef {object} Section
 * @property {string} title
 * @property {Entry[]} entries
 */

/** @param {string} section @returns {(slug: string, summary: string, source?: string) => Entry} */
const under =
  (section) =>
  (slug, summary, source = `docs/guides/${slug}.md`) => ({ address: `/docs/${section}/${slug}`, source, summary });
const guide = under('guides');
const operating = under('operating');

/** @type {Section[]} */
export const contents = [
  {
    title: 'Start here',
    entries: [
      {
        address: '/docs/quick-start',
        source: 'README.md#quick-start',
        summary: 'Two commands, and every kind of caller in ten minutes with curl.',
      },
      {
        address: '/docs/tutorial',
        source: 'docs/tutorial.md',
        summary: 'From nothing to a small application that Gatehouse protects, in fifteen minutes.',
      },
      {
        address: '/docs/concepts/overview',
        source: 'docs/concepts.md',
        summary: 'App, organization, people and machines, and which token goes where, in one picture.',
      },
      {
        address: '/docs/concepts/glossary',
        source: 'docs/glossary.md',
        summary: 'The nouns of the API and of this documentation, one meaning each.',
      },
      guide('differences', 'Where Gatehouse differs from the service whose API it implements, and why.'),
    ],
  },
  {
    title: 'People',
    entries: [
      guide('sign-up-and-verification', 'Sign up, verify an address, claim an account, refuse an address.'),
      guide('sign-in-and-sessions', 'Sign in, read who is signed in, list and end sessions, known devices.'),
      guide('passwords', 'Rules for passwords, forgotten passwords, changing one.'),
      guide('reauthentication', 'Which calls need a recent sign-in, and how a person proves it.'),
      guide('account', 'What people do with their own account: profile, address, export, deletion.'),
      guide('social-login', 'Sign-in with identity providers: intents, linking, redirect targets.'),
      guide('social-login-google', 'Set up Google as an identity provider.'),
      guide('social-login-microsoft', 'Set up Microsoft as an identity provider.'),
      guide('social-login-oidc', 'Set up any OpenID Connect provider.'),
    ],
  },
  {
    title: 'Organizations',
    entries: [
      guide('organizations', 'Create, change, suspend and delete organizations; their metadata and versions.'),
      guide('members', 'Members, owners and managers: add, remove, change roles, leave.'),
      guide('invitations', 'Invite people by mail, resend, withdraw, accept.'),
      guide('roles', 'Roles of an organization and of the app, permissions, permission checks.'),
      guide('product-roles', 'Roles and permissions in your product: which call or claim answers which question.'),
      guide('lists-and-search', 'Pages, cursors, totals and search.'),
    ],
  },
  {
    title: 'Machines and tokens',
    entries: [
      guide('tokens', 'Which token for what, and which key set signs it.'),
      guide('verify-tokens', 'Verify tokens in your own services: what to check, and what libraries need.'),
      guide('machine-users', 'Machine users, their secrets, and tokens that any service verifies.'),
      guide('introspection', 'Ask whether a session or a token is valid now.'),
      guide('typescript-sdk', 'Call the API and protect servers from TypeScript, and from pages.'),
      guide('generated-clients', 'Generate a client from the OpenAPI document.'),
    ],
  },
  {
    title: 'Apps',
    entries: [
      guide('app-settings', 'Settings of an app, with defaults and examples.'),
      guide('app-users', 'Find, change, deactivate and delete users of an app; super admins.'),
      guide('mail', 'Mails, their languages, links and templates, and how they are sent.'),
      guide('limits', 'Limits and quotas, and what a caller sees of them.'),
      guide('idempotency', 'Repeat a call without doing it twice.'),
      guide('audit', 'Who did what, when and from where.'),
    ],
  },
  {
    title: 'Operating',
    entries: [
      operating('overview', 'Start, configure, back up, upgrade and watch the service.', 'docs/guides/operating.md'),
      operating('deployment', 'Docker, Compose, systemd, Caddy and nginx.', 'docs/guides/deployment.md'),
      operating(
        'high-availability',
        'PostgreSQL with a standby, and what is lost when.',
        'docs/guides/high-availability.md',
      ),
      operating('scale', 'What large apps and organizations cost.', 'docs/guides/scale.md'),
      operating('benchmarks', 'Measured speed, with the commands that measured it.', 'docs/guides/benchmarks.md'),
      {
        address: '/docs/security',
        source: 'SECURITY.md',
        summary: 'What protects an installation, what does not, and how to report a fault.',
      },
      {
        address: '/docs/changelog',
        source: 'CHANGELOG.md',
        summary: 'What changed with each release, and what to do about it.',
      },
    ],
  },
];

/** Addresses of pages that are generated, or have a program of their own. */
export const reference = {
  title: 'Reference',
  entries: [
    { address: '/docs', summary: 'The reference of the API, in which every operation can be tried.' },
    { address: '/docs/api', summary: 'Every operation: who may call it, fields, answers, errors.' },
    { address: '/docs/settings', summary: 'Every setting of an app.' },
    { address: '/docs/variables', summary: 'Every environment variable of the service.' },
    { address: '/docs/audit-events', summary: 'Every event of the audit.' },
    { address: '/errors', summary: 'Every error code: cause, remedy, example.' },
    { address: '/docs/decisions', summary: 'Why Gatehouse is built as it is: one page for each decision.' },
  ],
};
