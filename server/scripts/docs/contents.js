/**
 * The table of contents of the documentation: every handwritten page, in reading order. The addresses, the sidebar,
 * `/llms.txt` and the check of links follow from it. A new page needs one line here.
 *
 * @typedef {object} Entry
 * @property {string} address path on the service, without a suffix
 * @property {string} source file of the repository, or one section of it
 * @property {string} summary the content of the page, in one line
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
/** @type {(slug: string, summary: string) => Entry} */
const recipe = (slug, summary) => under('recipes')(slug, summary, `docs/recipes/${slug}.md`);

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
        summary: 'After the quick start: a small application that Gatehouse protects, in fifteen minutes.',
      },
      {
        address: '/docs/concepts/overview',
        source: 'docs/concepts.md',
        summary: 'App, organization, people and machines, and where each token is used, in one picture.',
      },
      {
        address: '/docs/concepts/glossary',
        source: 'docs/glossary.md',
        summary: 'The terms of the API and of this documentation, with one meaning each.',
      },
      guide('migration', 'Move an application from another identity service to Gatehouse.'),
      guide('differences', 'Differences between Gatehouse and the service whose API it implements, with reasons.'),
    ],
  },
  {
    title: 'People',
    entries: [
      guide('hosted-pages', 'Pages for sign-in, sign-up, reset, invitation and account, without a front end.'),
      guide('branding', 'Look of pages and mails, for an app and for its organizations; preview.'),
      guide('sign-up-and-verification', 'Sign up, verify an address, claim an account, reject a sign-up.'),
      guide('sign-in-and-sessions', 'Sign in, introspect a session, list and end sessions, known devices.'),
      guide('passwordless', 'Sign in with a code or link by mail, and choose the sign-in methods of an app.'),
      guide('organization-flows', 'Sign-in methods, second factor and session length of one organization.'),
      guide('passwords', 'Rules for passwords, password reset, change of password.'),
      guide('second-factors', 'Authenticator apps, recovery codes, a lost phone, requiring a second factor.'),
      guide('passkeys', 'Passkeys alone and as second factor: domain, calls in a browser, native apps.'),
      guide('reauthentication', 'Calls that need a recent sign-in, and how to re-authenticate.'),
      guide('account', 'Users and their own account: profile, address, export, deletion.'),
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
      guide('product-roles', 'Roles and permissions in your product: which call or claim to use for which question.'),
      guide('lists-and-search', 'Pages, cursors, totals and search.'),
    ],
  },
  {
    title: 'Machines and tokens',
    entries: [
      guide('tokens', 'Which token to use for which purpose, and which key set signs it.'),
      guide('verify-tokens', 'Verify tokens in your own services: required checks, and library settings.'),
      guide('different-hosts', 'A front end, an API and Gatehouse on three hosts.'),
      guide('api-keys', 'API keys of organizations and people, and how your API checks them.'),
      guide('machine-users', 'Machine users, their secrets, and tokens that any service verifies.'),
      guide('introspection', 'Ask whether a session or a token is valid now.'),
      guide('typescript-sdk', 'Call the API and protect servers from TypeScript, and from web pages.'),
      guide('generated-clients', 'Generate a client from the OpenAPI document.'),
    ],
  },
  {
    title: 'Recipes',
    entries: [
      recipe('express', 'Protect an Express server with the SDK.'),
      recipe('fastify', 'Protect a Fastify server with the SDK.'),
      recipe('hono', 'Protect a Hono server with the SDK, also at the edge.'),
      recipe('next', 'Protect route handlers of Next.js with the SDK.'),
      recipe('fastapi', 'Protect a FastAPI server with PyJWT.'),
      recipe('go', 'Protect a Go server of net/http with golang-jwt.'),
      recipe('spring', 'Protect a Spring Boot server with Spring Security.'),
    ],
  },
  {
    title: 'Apps',
    entries: [
      guide('app-settings', 'Settings of an app, with defaults and examples.'),
      guide('app-users', 'Find, change, deactivate and delete users of an app; super admins.'),
      guide('mail', 'Mails, their languages, links and templates, and how they are sent.'),
      guide('limits', 'Limits and quotas, and their effect on callers.'),
      guide('idempotency', 'Repeat a call without making the change twice.'),
      guide('audit', 'Who made which change, when and from where.'),
    ],
  },
  {
    title: 'Operating',
    entries: [
      operating(
        'overview',
        'Start, configure, back up, upgrade and monitor the service; rotate signing keys and the master key.',
        'docs/guides/operating.md',
      ),
      operating('deployment', 'Docker, Compose, systemd, Caddy and nginx.', 'docs/guides/deployment.md'),
      operating(
        'high-availability',
        'PostgreSQL with a standby, and the data that a failure can lose.',
        'docs/guides/high-availability.md',
      ),
      operating('scale', 'Cost of large apps and organizations.', 'docs/guides/scale.md'),
      operating('benchmarks', 'Measured speed, with the commands that measured it.', 'docs/guides/benchmarks.md'),
      {
        address: '/docs/security',
        source: 'SECURITY.md',
        summary: 'Protection of an installation, its limits, and how to report a vulnerability.',
      },
      {
        address: '/docs/changelog',
        source: 'CHANGELOG.md',
        summary: 'Changes of each release, and what to do about them.',
      },
    ],
  },
];

/** Paths of generated pages, and of pages with a separate program. */
export const reference = {
  title: 'Reference',
  entries: [
    { address: '/docs', summary: 'The reference of the API, in which you can try every operation.' },
    { address: '/docs/api', summary: 'Every operation: allowed callers, fields, responses, errors.' },
    { address: '/docs/settings', summary: 'Every setting of an app.' },
    { address: '/docs/variables', summary: 'Every environment variable of the service.' },
    { address: '/docs/audit-events', summary: 'Every event of the audit.' },
    { address: '/errors', summary: 'Every error code: cause, remedy, example.' },
    { address: '/docs/decisions', summary: 'Architecture decisions: one page for each decision.' },
  ],
};
