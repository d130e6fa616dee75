import { z } from 'zod';
import { html, type Html } from '../http/html.ts';
import { deviceName } from '../mail-texts/device-name.ts';
import { languages, timeInWords } from '../mail-texts/languages.ts';
import { acceptedMethods, anotherSignIn, stepUp } from '../pages/another-sign-in.ts';
import { brandOf, type Values } from '../pages/layout.ts';
import type { Form, Notices, PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { refusedSession } from '../pages/refused-session.ts';
import type { TextName } from '../page-texts/texts.ts';

const person = z.looseObject({
  userId: z.string(),
  firstName: z.string(),
  lastName: z.string(),
  email: z.string(),
  isEmailVerified: z.boolean(),
  isEmailClaimed: z.boolean(),
  organizations: z
    .array(
      z.looseObject({
        id: z.string(),
        name: z.string(),
        roles: z.array(z.string()),
        managerRoles: z.array(z.string()),
        status: z.string(),
        stepUpRequired: stepUp,
      }),
    )
    .default([]),
  organizationsTruncated: z.boolean().default(false),
  isSuperAdmin: z.boolean().default(false),
});
type Person = z.output<typeof person>;

const sessionList = z.looseObject({
  sessions: z.array(
    z.looseObject({
      id: z.string(),
      lastSeenAt: z.string(),
      userAgent: z.string().nullable(),
      ip: z.string().nullable(),
      current: z.boolean(),
    }),
  ),
});
type Session = z.output<typeof sessionList>['sessions'][number];

/** The number of sessions and of organizations on the page, so that it stays small. */
const shownItems = 15;

/** Messages to show after a redirect, by the query parameter `notice`. */
const notices: Notices = new Map([
  ['verified', { text: 'verified' }],
  ['accepted', { text: 'accepted' }],
  ['saved', { text: 'saved' }],
  ['password', { text: 'passwordSaved' }],
  ['session', { text: 'sessionEnded' }],
  ['sessions', { text: 'othersEnded' }],
  ['left', { text: 'left' }],
  ['email', { text: 'emailChanged' }],
]);

/** A button that is a form of its own. */
const actionButton = (page: PageCall, step: string, label: TextName, hidden: Values = {}): Html =>
  page.formOf('account', page.secondButton(label), { ...hidden, step });

function profileOf(page: PageCall, user: Person): Html {
  const { text } = page;
  const isOwnershipShown = user.isEmailVerified && user.isEmailClaimed;
  const mark = html`<span class="mark ${isOwnershipShown ? 'good' : 'bad'}"
    >${text(isOwnershipShown ? 'verifiedMark' : 'unverified')}</span
  >`;
  const verify = html`<p><a href="${page.href('verify')}">${text('verifyNow')}</a></p>`;
  const valueOf = (name: 'firstName' | 'lastName') =>
    page.form['step'] === 'profile' ? (page.form[name] ?? '') : user[name];
  const fields = html`<div class="pair">
      ${page.field({
        name: 'firstName',
        label: 'firstName',
        autocomplete: 'given-name',
        value: valueOf('firstName'),
      })}${page.field({
        name: 'lastName',
        label: 'lastName',
        autocomplete: 'family-name',
        value: valueOf('lastName'),
        isOptional: true,
      })}
    </div>
    ${page.secondButton('save')}`;
  return html`<section aria-labelledby="profile">
    <h2 id="profile">${text('profile')}</h2>
    <p><bdi>${user.email}</bdi> ${mark}</p>
    <p><a href="${page.href('account/email')}">${text('emailTitle')}</a></p>
    ${isOwnershipShown ? html`` : verify} ${page.formOf('account', fields, { step: 'profile', user: user.userId })}
  </section>`;
}

function passwordOf(page: PageCall, user: Person): Html {
  const current = page.field({
    name: 'currentPassword',
    label: 'currentPassword',
    type: 'password',
    autocomplete: 'current-password',
  });
  const fields = html`<input type="hidden" name="email" value="${user.email}" autocomplete="username" /> ${current}
    ${page.field({
      name: 'newPassword',
      label: 'newPassword',
      type: 'password',
      autocomplete: 'new-password',
      hint: 'passwordHint',
    })}${page.secondButton('changePassword')}`;
  return html`<section aria-labelledby="password-title">
    <h2 id="password-title">${page.text('security')}</h2>
    ${page.formOf('account', fields, { step: 'password', user: user.userId })}
  </section>`;
}

function sessionItem(page: PageCall, { id, lastSeenAt, userAgent, ip, current }: Session): Html {
  const { text, look } = page;
  const device = deviceName(userAgent ?? '') ?? languages[look.language].words.unknownDevice;
  const time = timeInWords(lastSeenAt, look.language);
  const mark = current ? html`<span class="mark good">${text('thisSession')}</span>` : html``;
  return html`<li>
    <div>
      <strong><bdi>${device}</bdi></strong> ${mark}<br />
      <span class="quiet">${text('lastSeen', { time })} · <bdi>${ip ?? ''}</bdi></span>
    </div>
    ${current ? html`` : actionButton(page, 'end-session', 'endSession', { session: id })}
  </li>`;
}

/** The own session first, then the newest ones. */
const inOrder = (sessions: readonly Session[]): Session[] =>
  sessions.toReversed().toSorted((one, other) => Number(other.current) - Number(one.current));

/** The position in the list of sessions, from the query. */
function firstShown({ form }: PageCall, length: number): number {
  const asked = Number(/^\d{1,3}$/.exec(form['cursor'] ?? '')?.[0] ?? 0);
  return asked < length ? asked : 0;
}

function sessionsOf(page: PageCall, sessions: readonly Session[]): Html {
  const { text } = page;
  const from = firstShown(page, sessions.length);
  const shown = inOrder(sessions).slice(from, from + shownItems);
  const link = (label: TextName, query: Values) => html`<a href="${page.href('account', query)}">${text(label)}</a> `;
  const older = from + shownItems < sessions.length ? link('more', { cursor: String(from + shownItems) }) : html``;
  const pages = html`<p class="after">${older} ${from > 0 ? link('first', {}) : html``}</p>`;
  const hasOthers = sessions.some(({ current }) => !current);
  return html`<section aria-labelledby="sessions">
    <h2 id="sessions">${text('sessions')}</h2>
    <ul>
      ${shown.map((session) => sessionItem(page, session))}
    </ul>
    ${sessions.length > shownItems ? pages : html``}
    ${hasOthers ? actionButton(page, 'end-others', 'endOthers') : html``}
  </section>`;
}

type Membership = Person['organizations'][number];

/** The roles in an organization, or why there are none. */
function rolesIn(page: PageCall, { status, roles, managerRoles, stepUpRequired }: Membership): string {
  const { text } = page;
  const management = managerRoles.map((role) => text.plain(role === 'ORG_OWNER' ? 'owner' : 'manager'));
  const all = [...management, ...roles];
  if (all.length > 0) return all.join(', ');
  if (status !== 'Active') return text.plain('inactive');
  if (stepUpRequired === undefined) return text.plain('noRoles');
  return acceptedMethods(page, stepUpRequired) ?? text.plain('organizationPolicy');
}

function organizationItem(page: PageCall, membership: Membership): Html {
  const { text } = page;
  const { id, name, status, managerRoles, stepUpRequired } = membership;
  const link = (path: string, label: TextName, title: TextName) =>
    html`<a href="${page.href(path, { org: id })}" aria-label="${text.plain(title, { name })}">${text(label)}</a>`;
  const mayManage = managerRoles.length > 0 || stepUpRequired !== undefined;
  return html`<li>
    <div>
      <strong><bdi>${name}</bdi></strong
      ><br /><span class="quiet"><bdi>${rolesIn(page, membership)}</bdi></span>
    </div>
    ${stepUpRequired?.signInMethods ? anotherSignIn(page) : html``}
    ${mayManage ? link('organizations/members', 'members', 'manageMembers') : html``}
    ${status === 'Active' ? link('organizations/leave', 'leave', 'leaveNamed') : html``}
  </li>`;
}

function organizationsOf(page: PageCall, user: Person): Html {
  const { text } = page;
  const { organizations, organizationsTruncated, isSuperAdmin, isEmailClaimed } = user;
  const mayCreate = isSuperAdmin || (isEmailClaimed && page.app.settings.usersMayCreateOrganizations);
  const list = html`<ul>
    ${organizations.slice(0, shownItems).map((membership) => organizationItem(page, membership))}
  </ul>`;
  const link = (path: string, label: TextName, query: Values = {}) =>
    html`<a href="${page.href(path, query)}">${text(label)}</a> `;
  const all = isSuperAdmin || organizationsTruncated || organizations.length > shownItems;
  const links = html`<p class="after">
    ${all ? link('organizations', 'allOrganizations', { list: 'all' }) : html``}
    ${mayCreate ? link('organizations/new', 'newOrganization') : html``}
  </p>`;
  return html`<section aria-labelledby="organizations">
    <h2 id="organizations">${text('organizations')}</h2>
    ${organizations.length > 0 ? list : html`<p class="quiet">${text('noOrganizations')}</p>`}
    ${all || mayCreate ? links : html``}
  </section>`;
}

/** The link to the second factors, if the app uses second factors. */
function factorsOf(page: PageCall): Html {
  if (page.app.settings.mfa.policy === 'off') return html``;
  const { text } = page;
  return html`<section aria-labelledby="factors">
    <h2 id="factors">${text('factorsTitle')}</h2>
    <p><a href="${page.href('account/second-factors')}">${text('manageFactors')}</a></p>
  </section>`;
}

/** The links to pages that people need rarely. */
function furtherOf(page: PageCall): Html {
  const { text } = page;
  const link = (path: string, label: TextName) => html`<a href="${page.href(path)}">${text(label)}</a> `;
  return html`<section aria-label="${text.plain('account')}">
    <p class="after">
      ${link('account/identities', 'identitiesTitle')} ${link('account/api-keys', 'apiKeys')}
      ${link('account/data', 'dataTitle')}
    </p>
  </section>`;
}

async function show(page: PageCall): Promise<PageAnswer> {
  const { look } = page;
  const query = { includeOrganizations: 'true' };
  const [self, list] = await Promise.all([
    page.api('GET', 'authentication/users/me', { query }),
    page.api('GET', 'authentication/users/me/sessions'),
  ]);
  if (!self.ok) return refusedSession(page, self.problem);
  if (!list.ok) return refusedSession(page, list.problem);
  const user = person.parse(self.body);
  const { sessions } = sessionList.parse(list.body);
  page.readNotice(notices);
  const above = html`<div class="top">${brandOf(look)} ${page.signOutForm()}</div>`;
  const parts = [
    profileOf(page, user),
    passwordOf(page, user),
    factorsOf(page),
    sessionsOf(page, sessions),
    organizationsOf(page, user),
    furtherOf(page),
  ];
  return { ...page.content('account', html`${parts}`, { above }), isWide: true };
}

type ApiCall = Parameters<PageCall['api']>;

/** The API call that a form makes, and the notice afterwards. */
interface Action {
  readonly callOf: (form: Form) => ApiCall;
  readonly notice: string;
}

const userUrl = ({ user = '' }: Form): string => `authentication/users/${encodeURIComponent(user)}`;
const sessionUrl = ({ session: id = '' }: Form): string => `authentication/users/sessions/${encodeURIComponent(id)}`;

const actions: ReadonlyMap<string | undefined, Action> = new Map<string, Action>([
  [
    'profile',
    {
      callOf: (form) => [
        'PUT',
        userUrl(form),
        { body: { firstName: form['firstName'], lastName: form['lastName'] ?? '' } },
      ],
      notice: 'saved',
    },
  ],
  [
    'password',
    {
      callOf: (form) => {
        const { currentPassword, newPassword } = form;
        return ['PUT', `${userUrl(form)}/password`, { body: { currentPassword, newPassword } }];
      },
      notice: 'password',
    },
  ],
  ['end-session', { callOf: (form) => ['DELETE', sessionUrl(form)], notice: 'session' }],
  ['end-others', { callOf: () => ['DELETE', 'authentication/users/me/sessions'], notice: 'sessions' }],
]);

async function submit(page: PageCall): Promise<PageAnswer> {
  const chosen = actions.get(page.form['step']);
  if (!chosen) return show(page);
  const answer = await page.api(...chosen.callOf(page.form));
  if (answer.ok) return { redirect: page.href('account', { notice: chosen.notice }) };
  page.problem = answer.problem;
  return show(page);
}

export const accountPage = pageRoutes({
  path: 'account',
  name: 'Account',
  summary: 'The page of the caller’s account',
  show,
  submit,
});
