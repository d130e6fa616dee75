import { html, type Html } from '../http/html.ts';
import { framed } from '../pages/framed.ts';
import type { Notices, PageCall } from '../pages/page-call.ts';
import {
  choiceOf,
  isOwnOrganization,
  listOrganizations,
  ownOrganizations,
  type Summaries,
  type Summary,
  withoutOrganization,
} from '../pages/organization-choice.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { refusedSession } from '../pages/refused-session.ts';

const path = 'organizations';

const notices: Notices = new Map([['left', { text: 'left' }]]);

const isChoice = ({ goal }: PageCall): boolean => goal['organization'] === 'choose';

function organizationItem(page: PageCall, { id, name, status }: Summary): Html {
  const { text } = page;
  const label = text.plain(isChoice(page) ? 'continueWithOrganization' : 'manageMembers', { name });
  const href = page.href('organizations/members', { org: id });
  const open = html`<a href="${href}" aria-label="${label}">${text('members')}</a>`;
  const choose = page.formOf(path, html`<button class="second" aria-label="${label}">${text('continue')}</button>`, {
    step: 'choose',
    org: id,
  });
  const inactive = html`<span class="mark bad">${text('inactive')}</span>`;
  const way = isChoice(page) ? choose : open;
  return html`<li>
    <div>
      <strong><bdi>${name}</bdi></strong> ${status === 'Active' ? html`` : inactive}
    </div>
    ${status === 'Active' ? way : html``}
  </li>`;
}

function pagesOf(page: PageCall, nextCursor: string | undefined): Html {
  const { text, form } = page;
  if (nextCursor === undefined && form['cursor'] === undefined) return html``;
  const all = form['list'] === undefined ? {} : { list: form['list'] };
  const next =
    nextCursor === undefined
      ? html``
      : html`<a href="${page.href(path, { ...all, cursor: nextCursor })}">${text('more')}</a>`;
  const first = form['cursor'] === undefined ? html`` : html`<a href="${page.href(path, all)}">${text('first')}</a>`;
  return html`<p class="after">${next} ${first}</p>`;
}

/** Super admins see all organizations of the app. Others see the organizations to which they belong. */
const read = (page: PageCall): Promise<Summaries | undefined> =>
  page.form['list'] === 'all' && !isChoice(page)
    ? listOrganizations(page, page.form['cursor'])
    : ownOrganizations(page, page.form['cursor']);

async function show(page: PageCall): Promise<PageAnswer> {
  const list = await read(page);
  if (!list) return page.problem ? refusedSession(page, page.problem) : { redirect: page.href('account') };
  const { text } = page;
  page.readNotice(notices);
  const { organizations, nextCursor } = list;
  const none = isChoice(page) ? text('chooseNone') : text('noOrganizations');
  const items = html`<ul>
    ${organizations.map((organization) => organizationItem(page, organization))}
  </ul>`;
  const without = page.formOf(path, page.secondButton('continueWithout'), { step: 'choose', org: withoutOrganization });
  const create = html`<p><a href="${page.href('organizations/new')}">${text('newOrganization')}</a></p>`;
  const body = html`${isChoice(page) && organizations.length > 0 ? html`<p>${text('chooseLead')}</p>` : html``}
    <section aria-label="${text.plain('organizations')}">
      ${organizations.length > 0 ? items : html`<p class="quiet">${none}</p>`} ${pagesOf(page, nextCursor)}
    </section>
    ${page.app.settings.usersMayCreateOrganizations ? create : html``} ${isChoice(page) ? without : html``}`;
  return framed(page, isChoice(page) ? 'chooseTitle' : 'organizationsTitle', body);
}

/** Continues to the product with the organization of the form. */
async function takeChoice(page: PageCall): Promise<PageAnswer> {
  const { org = '' } = page.form;
  if (org === withoutOrganization) return { redirect: page.href('continue', choiceOf(page, org)) };
  if (!(await isOwnOrganization(page, org))) {
    page.refuse('organization_not_found');
    return show(page);
  }
  return { redirect: page.href('continue', choiceOf(page, org)) };
}

export const organizationsPage = pageRoutes({
  path,
  name: 'Organizations',
  summary: 'The own organizations, and the choice of one',
  show,
  submit: (page) => (page.form['step'] === 'choose' && isChoice(page) ? takeChoice(page) : show(page)),
});
