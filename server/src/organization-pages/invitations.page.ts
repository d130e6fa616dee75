import { z } from 'zod';
import { html, type Html } from '../http/html.ts';
import { timeInWords } from '../mail-texts/languages.ts';
import { confirmAgain, confirmed, isConfirmable, isConfirmation } from '../pages/confirm-again.ts';
import { selectField } from '../pages/fields.ts';
import { framed } from '../pages/framed.ts';
import type { Notices, PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { linksOf, type ManagedOrganization, namesOf, openOrganization, refusedOrganization } from './organization.ts';

const path = 'organizations/invitations';

const invitation = z.looseObject({
  id: z.string(),
  email: z.string(),
  role: z.string(),
  expiresAt: z.string(),
  mail: z.string().optional(),
});
type Invitation = z.output<typeof invitation>;

const invitationList = z.looseObject({
  metadata: z.looseObject({ nextCursor: z.string().optional() }),
  invitations: z.array(invitation),
});

const notices: Notices = new Map([
  ['invited', { text: 'invited' }],
  ['withdrawn', { text: 'withdrawn' }],
  ['confirmed', { text: 'confirmedAgain' }],
]);

const urlOf = ({ org = '' }: PageCall['form']): string => `authorization/organizations/${org}`;

/** The kinds of invitations: to a role, or to the management of the organization. */
function choicesOf(page: PageCall, { grantable, isOwner }: ManagedOrganization) {
  const roles = grantable.map(({ key, displayName }) => ({ value: `role:${key}`, label: html`${displayName}` }));
  const management = [
    { value: 'managers', label: page.text('manager') },
    { value: 'owners', label: page.text('owner') },
  ];
  return isOwner ? [...roles, ...management] : roles;
}

function inviteForm(page: PageCall, organization: ManagedOrganization): Html {
  const { text, form } = page;
  const options = choicesOf(page, organization);
  if (options.length === 0) return html`<p class="quiet">${text('noRolesToGrant')}</p>`;
  const kept = page.isSent ? form : {};
  const fields = html`<p class="quiet">${text('inviteLead')}</p>
    ${page.field({ name: 'email', label: 'email', type: 'email', autocomplete: 'off', value: kept['email'] })}
    <div class="pair">
      ${page.field({ name: 'firstName', label: 'firstName', autocomplete: 'off', value: kept['firstName'] })}
      ${page.field({ name: 'lastName', label: 'lastName', autocomplete: 'off', value: kept['lastName'] })}
    </div>
    ${selectField(page, { name: 'role', label: 'inviteAs', options, value: kept['role'] })} ${page.button('invite')}`;
  return page.formOf(path, fields, { org: organization.id, step: 'invite' });
}

function invitationItem(page: PageCall, organization: ManagedOrganization, one: Invitation): Html {
  const { text, look, form } = page;
  const { id, email, role, expiresAt, mail } = one;
  const time = timeInWords(expiresAt, look.language);
  const until = form['list'] === 'expired' ? text('expiredAt', { time }) : text('validUntil', { time });
  const delayed = mail === 'delayed' ? html`<br /><span class="quiet">${text('mailDelayed')}</span>` : html``;
  const hidden = { org: organization.id, invitation: id };
  const button = (label: 'resendInvitation' | 'withdraw', name: 'resendTo' | 'withdrawFrom') =>
    html`<button class="second" aria-label="${text.plain(name, { email })}">${text(label)}</button>`;
  return html`<li>
    <div>
      <strong><bdi>${email}</bdi></strong
      ><br />
      <span class="quiet"><bdi>${namesOf(page, organization, [role]).join('')}</bdi> · ${until}</span>${delayed}
    </div>
    ${page.formOf(path, button('resendInvitation', 'resendTo'), { ...hidden, step: 'resend' })}
    ${page.formOf(path, button('withdraw', 'withdrawFrom'), { ...hidden, step: 'withdraw' })}
  </li>`;
}

/** A page of the invitations with the chosen status. @returns undefined if the API refuses */
async function listOf(page: PageCall, organization: ManagedOrganization): Promise<Html | undefined> {
  const { text, form } = page;
  const isExpired = form['list'] === 'expired';
  const { cursor } = form;
  const query = {
    status: isExpired ? 'expired' : 'pending',
    pageSize: '25',
    ...(cursor !== undefined && { cursor }),
  };
  const answer = await page.api('GET', `${urlOf(form)}/invitations`, { query });
  if (!answer.ok) {
    page.problem = answer.problem;
    return undefined;
  }
  const { invitations, metadata } = invitationList.parse(answer.body);
  const hrefOf = (more: Readonly<Record<string, string>>) => page.href(path, { org: organization.id, ...more });
  const items = html`<ul>
    ${invitations.map((one) => invitationItem(page, organization, one))}
  </ul>`;
  const here = isExpired ? { list: 'expired' } : {};
  const next =
    metadata.nextCursor === undefined
      ? html``
      : html`<a href="${hrefOf({ ...here, cursor: metadata.nextCursor })}">${text('more')}</a>`;
  const first = cursor === undefined ? html`` : html`<a href="${hrefOf(here)}">${text('first')}</a>`;
  const other = isExpired
    ? html`<a href="${hrefOf({})}">${text('pendingInvitations')}</a>`
    : html`<a href="${hrefOf({ list: 'expired' })}">${text('expiredInvitations')}</a>`;
  return html`<section aria-labelledby="list">
    <h2 id="list">${text(isExpired ? 'expiredInvitations' : 'pendingInvitations')}</h2>
    ${invitations.length > 0 ? items : html`<p class="quiet">${text('noInvitations')}</p>`}
    <p class="after">${next} ${first} ${other}</p>
  </section>`;
}

async function show(page: PageCall): Promise<PageAnswer> {
  const refusal = page.problem;
  const organization = await openOrganization(page);
  const list = organization && (await listOf(page, organization));
  if (!organization || !list) return refusedOrganization(page, path);
  page.problem = refusal;
  page.readNotice(notices);
  const { email, firstName, lastName, role } = page.form;
  const kept = Object.fromEntries(
    Object.entries({ email, firstName, lastName, role }).flatMap(([name, value]) => (value ? [[name, value]] : [])),
  );
  const again =
    isConfirmable(refusal) || isConfirmation(page)
      ? await confirmAgain(page, path, { ...kept, org: organization.id })
      : html``;
  const body = html`<p>
      <strong><bdi>${organization.name}</bdi></strong>
    </p>
    ${again}
    <section aria-labelledby="invite">
      <h2 id="invite">${page.text('invite')}</h2>
      ${inviteForm(page, organization)}
    </section>
    ${list}`;
  return framed(page, 'invitations', body, { links: linksOf(page, organization) });
}

const outcome = z.looseObject({ invited: z.boolean() });

/** The message after an invitation. People with an account become members at once. */
function afterInvitation(page: PageCall, body: unknown): PageAnswer {
  const { org = '' } = page.form;
  return outcome.parse(body).invited
    ? { redirect: page.href(path, { org, notice: 'invited' }) }
    : { redirect: page.href('organizations/members', { org, notice: 'added' }) };
}

function invite(page: PageCall): ReturnType<PageCall['api']> {
  const { email, firstName, lastName, role = '' } = page.form;
  const person = { email, firstName, lastName };
  const url = urlOf(page.form);
  if (role === 'managers' || role === 'owners') return page.api('POST', `${url}/${role}`, { body: person });
  return page.api('POST', `${url}/members`, { body: { ...person, role: role.replace(/^role:/, '') } });
}

const invitationUrl = ({ form }: PageCall): string =>
  `${urlOf(form)}/invitations/${encodeURIComponent(form['invitation'] ?? '')}`;

const actions: ReadonlyMap<string | undefined, (page: PageCall) => ReturnType<PageCall['api']>> = new Map([
  ['invite', invite],
  ['resend', (page) => page.api('POST', `${invitationUrl(page)}/resend`, { body: {} })],
  ['withdraw', (page) => page.api('DELETE', invitationUrl(page))],
]);

async function submit(page: PageCall): Promise<PageAnswer> {
  const { org = '', step } = page.form;
  if (isConfirmation(page)) {
    if (await confirmed(page)) page.notice = { text: 'confirmedAgain' };
    return show(page);
  }
  const action = actions.get(step);
  // People who do not manage the organization get the same response to a form as to the page.
  if (!action || !(await openOrganization(page))) return show(page);
  const answer = await action(page);
  if (!answer.ok) {
    page.problem = answer.problem;
    return show(page);
  }
  return step === 'withdraw'
    ? { redirect: page.href(path, { org, notice: 'withdrawn' }) }
    : afterInvitation(page, answer.body);
}

export const invitationsPage = pageRoutes({
  path,
  name: 'Invitations',
  summary: 'The invitations of an organization',
  show,
  submit,
});
