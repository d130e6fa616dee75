import { z } from 'zod';
import { html, type Html } from '../http/html.ts';
import { confirmAgain, confirmed, isConfirmable, isConfirmation } from '../pages/confirm-again.ts';
import { checkboxes, checkedOf } from '../pages/fields.ts';
import { framed } from '../pages/framed.ts';
import type { Notices, PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import type { TextName } from '../page-texts/texts.ts';
import {
  linksOf,
  type ManagedOrganization,
  type Member,
  member,
  namesOf,
  openOrganization,
  refusedOrganization,
} from './organization.ts';

const path = 'organizations/member';
const usersUrl = 'authorization/organizations/users';

const found = z.looseObject({ users: z.array(member) });

const notices: Notices = new Map([
  ['roles', { text: 'rolesSaved' }],
  ['management', { text: 'managementSaved' }],
  ['confirmed', { text: 'confirmedAgain' }],
]);

const hiddenOf = (organization: ManagedOrganization, person: Member) => ({ org: organization.id, user: person.id });

/** The roles that the form offers: roles that the person may grant, and roles that the member has. */
const offeredTo = ({ roles, grantable }: ManagedOrganization, person: Member) =>
  roles.filter((role) => grantable.includes(role) || person.roles.includes(role.key));

function rolesOf(page: PageCall, organization: ManagedOrganization, person: Member): Html {
  const { text, form, problem } = page;
  const offered = offeredTo(organization, person);
  const keys = offered.map(({ key }) => key);
  // Keep the selected roles after a refusal.
  const checked = problem && form['step'] === 'roles' ? checkedOf(page, 'role', keys) : person.roles;
  const boxes = offered.map(({ key, displayName }) => ({
    value: key,
    label: html`<bdi>${displayName}</bdi>`,
    isChecked: checked.includes(key),
  }));
  const fields = html`${checkboxes(page, 'role', 'roles', boxes)} ${page.secondButton('save')}`;
  return html`<section aria-label="${text.plain('roles')}">
    ${
      boxes.length > 0
        ? page.formOf(path, fields, { ...hiddenOf(organization, person), step: 'roles' })
        : html`<p class="quiet">${text('noRolesToGrant')}</p>`
    }
  </section>`;
}

function managementOf(page: PageCall, organization: ManagedOrganization, person: Member): Html {
  if (!organization.isOwner) return html``;
  const { text } = page;
  const { managerRoles } = person;
  const actionButton = (step: string, label: TextName) =>
    page.formOf(path, page.secondButton(label), { ...hiddenOf(organization, person), step });
  const shown = namesOf(page, organization, managerRoles).join(', ');
  return html`<section aria-labelledby="management">
    <h2 id="management">${text('management')}</h2>
    <p class="quiet">${text('managementLead')}</p>
    ${shown === '' ? html`` : html`<p><bdi>${shown}</bdi></p>`}
    ${managerRoles.includes('ORG_USER_MANAGER') ? html`` : actionButton('manager', 'makeManager')}
    ${managerRoles.includes('ORG_OWNER') ? html`` : actionButton('owner', 'makeOwner')}
    ${managerRoles.length > 0 ? actionButton('no-manager', 'removeManagement') : html``}
  </section>`;
}

function removalOf(page: PageCall, organization: ManagedOrganization, person: Member): Html {
  const { text } = page;
  return html`<section aria-labelledby="removal">
    <h2 id="removal">${text('removeMember')}</h2>
    <p class="quiet">${text('removeMemberLead')}</p>
    ${page.formOf(path, page.secondButton('removeMember'), { ...hiddenOf(organization, person), step: 'remove' })}
  </section>`;
}

/** @returns undefined if there is no such member or the API refuses. `page.problem` then has the reason. */
async function findMember(page: PageCall, { id }: ManagedOrganization): Promise<Member | undefined> {
  const { user: userId = '' } = page.form;
  const answer = await page.api('POST', `${usersUrl}/search`, {
    organization: id,
    query: { pageSize: '1' },
    body: { userId },
  });
  if (!answer.ok && answer.problem.code !== 'validation_failed') page.problem = answer.problem;
  const [person] = answer.ok ? found.parse(answer.body).users : [];
  if (!person && !page.problem) page.refuse('user_not_found');
  return person;
}

async function show(page: PageCall): Promise<PageAnswer> {
  const refusal = page.problem;
  const organization = await openOrganization(page);
  const person = organization && (await findMember(page, organization));
  if (!organization || !person) return refusedOrganization(page, path);
  page.problem = refusal;
  if (!organization.mayChange(person)) {
    page.refuse('access_denied');
    return refusedOrganization(page, path);
  }
  page.readNotice(notices);
  const again =
    isConfirmable(refusal) || isConfirmation(page)
      ? await confirmAgain(page, path, hiddenOf(organization, person))
      : html``;
  const body = html`<p>
      <strong><bdi>${person.displayName}</bdi></strong> <bdi>${person.email}</bdi>
    </p>
    <p class="quiet">${page.text('memberOf', { name: organization.name })}</p>
    ${again} ${rolesOf(page, organization, person)} ${managementOf(page, organization, person)}
    ${removalOf(page, organization, person)}`;
  return framed(page, 'memberTitle', body, { links: linksOf(page, organization) });
}

/** An action on a member: the call of the API, and the page that the browser opens afterwards. */
interface Action {
  readonly call: (page: PageCall, organization: ManagedOrganization, person: Member) => ReturnType<PageCall['api']>;
  readonly notice: string;
  readonly goesTo?: string;
}

const urlOf = ({ id }: Member): string => `${usersUrl}/${id}`;

const grant = (noun: 'managers' | 'owners'): Action => ({
  call: (page, { id }, { email, firstName, lastName }) => {
    // The API requires names, although it ignores them for people who have an account.
    const body = { email, firstName: firstName || '-', lastName: lastName || '-' };
    return page.api('POST', `authorization/organizations/${id}/${noun}`, { body });
  },
  notice: 'management',
});

const actions: ReadonlyMap<string | undefined, Action> = new Map<string, Action>([
  [
    'roles',
    {
      call: (page, organization, person) => {
        const offered = offeredTo(organization, person).map(({ key }) => key);
        const body = { roles: checkedOf(page, 'role', offered) };
        return page.api('PUT', `${urlOf(person)}/roles`, { organization: organization.id, body });
      },
      notice: 'roles',
    },
  ],
  ['manager', grant('managers')],
  ['owner', grant('owners')],
  [
    'no-manager',
    {
      call: (page, { id }, person) => page.api('DELETE', `authorization/organizations/${id}/managers/${person.id}`),
      notice: 'management',
    },
  ],
  [
    'remove',
    {
      call: (page, { id }, person) => page.api('DELETE', urlOf(person), { organization: id }),
      notice: 'removed',
      goesTo: 'organizations/members',
    },
  ],
]);

async function submit(page: PageCall): Promise<PageAnswer> {
  const { org = '', user = '', step } = page.form;
  if (isConfirmation(page)) {
    return (await confirmed(page)) ? { redirect: page.href(path, { org, user, notice: 'confirmed' }) } : show(page);
  }
  const action = actions.get(step);
  if (!action) return show(page);
  const organization = await openOrganization(page);
  const person = organization && (await findMember(page, organization));
  if (!organization || !person) return refusedOrganization(page, path);
  const answer = await action.call(page, organization, person);
  if (!answer.ok) {
    page.problem = answer.problem;
    return show(page);
  }
  const { goesTo = path, notice } = action;
  return { redirect: page.href(goesTo, { org, ...(goesTo === path && { user }), notice }) };
}

export const memberPage = pageRoutes({
  path,
  name: 'Member',
  summary: 'A member of an organization',
  show,
  submit,
});
