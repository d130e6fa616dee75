import { z } from 'zod';
import { html, type Html } from '../http/html.ts';
import { confirmed, isConfirmation } from '../pages/confirm-again.ts';
import { framed } from '../pages/framed.ts';
import type { Notices, PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import {
  linksOf,
  type ManagedOrganization,
  type Member,
  member,
  namesOf,
  openOrganization,
  refusedOrganization,
} from './organization.ts';

const path = 'organizations/members';
const usersUrl = 'authorization/organizations/users';

const memberList = z.looseObject({
  metadata: z.looseObject({ total: z.int(), nextCursor: z.string().optional() }),
  users: z.array(member),
});
type MemberList = z.output<typeof memberList>;

const notices: Notices = new Map([
  ['added', { text: 'memberAdded' }],
  ['removed', { text: 'memberRemoved' }],
  ['created', { text: 'organizationCreated' }],
  ['created_invited', { text: 'organizationCreatedInvited' }],
  ['confirmed', { text: 'confirmedAgain' }],
]);

/** The search parameters for the entered text: an address if the text contains an @, otherwise a name. */
const criteria = (entered: string) => (entered.includes('@') ? { email: entered } : { name: entered });

function memberItem(page: PageCall, organization: ManagedOrganization, person: Member): Html {
  const { text } = page;
  const names = namesOf(page, organization, [...person.managerRoles, ...person.roles]);
  const shown = names.length > 0 ? names.join(', ') : text.plain('noRoles');
  const you = person.id === organization.userId ? html`<span class="mark">${text('you')}</span>` : html``;
  const href = page.href('organizations/member', { org: organization.id, user: person.id });
  const name = person.displayName.trim() === '' ? person.email : person.displayName;
  const link = html`<a href="${href}" aria-label="${text.plain('manageMember', { name })}">${text('manage')}</a>`;
  return html`<li>
    <div>
      <strong><bdi>${name}</bdi></strong> ${you}<br />
      <span class="quiet"><bdi>${person.email}</bdi> · <bdi>${shown}</bdi></span>
    </div>
    ${organization.mayChange(person) ? link : html``}
  </li>`;
}

/** A form that is sent by GET, because a search changes nothing. */
function searchForm(page: PageCall, { id }: ManagedOrganization): Html {
  const hidden = Object.entries({ ...page.goal, org: id }).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}" />`,
  );
  const field = page.field({
    name: 'find',
    label: 'search',
    hint: 'searchHint',
    autocomplete: 'off',
    value: page.form['find'],
    isOptional: true,
  });
  return html`<form method="get" action="/apps/${page.app.name}/${path}" role="search">
    ${hidden}${field}${page.secondButton('search')}
  </form>`;
}

function pagesOf(page: PageCall, { id }: ManagedOrganization, nextCursor: string | undefined): Html {
  const { find, cursor } = page.form;
  if (nextCursor === undefined && cursor === undefined) return html``;
  const query = { org: id, ...(find !== undefined && { find }) };
  const first = html`<a href="${page.href(path, query)}">${page.text('first')}</a>`;
  const next =
    nextCursor === undefined
      ? html``
      : html`<a href="${page.href(path, { ...query, cursor: nextCursor })}">${page.text('more')}</a>`;
  return html`<p class="after">${next} ${cursor === undefined ? html`` : first}</p>`;
}

function listOf(page: PageCall, organization: ManagedOrganization, { users, metadata }: MemberList): Html {
  const { text } = page;
  const items = html`<ul>
    ${users.map((person) => memberItem(page, organization, person))}
  </ul>`;
  return html`<p class="quiet" role="status">${text('memberCount', { count: String(metadata.total) })}</p>
    ${users.length > 0 ? items : html`<p>${text('nobodyFound')}</p>`}
    ${pagesOf(page, organization, metadata.nextCursor)}`;
}

async function show(page: PageCall): Promise<PageAnswer> {
  const organization = await openOrganization(page);
  if (!organization) return refusedOrganization(page, path);
  const { find, cursor } = page.form;
  const asked = { organization: organization.id, query: { pageSize: '25', ...(cursor !== undefined && { cursor }) } };
  const answer =
    find === undefined
      ? await page.api('GET', usersUrl, asked)
      : await page.api('POST', `${usersUrl}/search`, { ...asked, body: criteria(find) });
  if (!answer.ok && answer.problem.code !== 'validation_failed') {
    page.problem = answer.problem;
    return refusedOrganization(page, path);
  }
  page.readNotice(notices);
  if (!answer.ok) page.refuse('validation_failed', ['find']);
  const { id, name } = organization;
  const invite = html`<p>
    <a class="button" href="${page.href('organizations/invitations', { org: id })}">${page.text('invite')}</a>
  </p>`;
  const list = answer.ok ? listOf(page, organization, memberList.parse(answer.body)) : html``;
  const body = html`<p>
      <strong><bdi>${name}</bdi></strong>
    </p>
    ${invite}
    <section aria-label="${page.text.plain('members')}">${searchForm(page, organization)} ${list}</section>`;
  return framed(page, 'members', body, { links: linksOf(page, organization) });
}

/** Handles the form that re-authenticates the session. The page has no other form. */
async function submit(page: PageCall): Promise<PageAnswer> {
  if (!isConfirmation(page) || !(await confirmed(page))) return show(page);
  return { redirect: page.href(path, { org: page.form['org'] ?? '', notice: 'confirmed' }) };
}

export const membersPage = pageRoutes({
  path,
  name: 'Members',
  summary: 'The members of an organization',
  show,
  submit,
});
