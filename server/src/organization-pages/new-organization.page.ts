import { z } from 'zod';
import { html } from '../http/html.ts';
import { confirmAgain, confirmed, isConfirmable, isConfirmation } from '../pages/confirm-again.ts';
import { framed } from '../pages/framed.ts';
import type { PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { refusedSession } from '../pages/refused-session.ts';

const path = 'organizations/new';

const self = z.looseObject({
  isSuperAdmin: z.boolean(),
  email: z.string(),
  firstName: z.string(),
  lastName: z.string(),
});

const fieldNames = ['orgName', 'adminFirstName', 'adminLastName', 'adminEmail', 'roles'] as const;

async function show(page: PageCall): Promise<PageAnswer> {
  const { text, form } = page;
  const refusal = page.problem;
  const query = { includeOrganizations: 'true' };
  const me = await page.api('GET', 'authentication/users/me', { query });
  if (!me.ok) return refusedSession(page, me.problem);
  const person = self.parse(me.body);
  if (!person.isSuperAdmin) {
    page.refuse('access_denied');
    return framed(page, 'newOrganization', html``);
  }
  if (isConfirmation(page) && !refusal) page.notice ??= { text: 'confirmedAgain' };
  const kept = Object.fromEntries(
    fieldNames.flatMap((name) => (form[name] === undefined ? [] : [[name, form[name]] as const])),
  );
  const again = isConfirmable(refusal) ? await confirmAgain(page, path, kept) : html``;
  const fields = html`${page.field({
      name: 'orgName',
      label: 'organizationName',
      autocomplete: 'organization',
      value: form['orgName'],
      isFirst: true,
    })}
    <p class="quiet">${text('ownerLead')}</p>
    ${page.field({
      name: 'adminEmail',
      label: 'ownerEmail',
      type: 'email',
      autocomplete: 'off',
      value: form['adminEmail'] ?? person.email,
    })}
    <div class="pair">
      ${page.field({
        name: 'adminFirstName',
        label: 'firstName',
        autocomplete: 'off',
        value: form['adminFirstName'] ?? person.firstName,
      })}${page.field({
        name: 'adminLastName',
        label: 'lastName',
        autocomplete: 'off',
        value: form['adminLastName'] ?? person.lastName,
      })}
    </div>
    ${page.field({
      name: 'roles',
      label: 'rolesOfOrganization',
      hint: 'rolesHint',
      autocomplete: 'off',
      value: form['roles'] ?? (page.isSent ? '' : 'Member'),
      isOptional: true,
    })}${page.button('create')}`;
  return framed(
    page,
    'newOrganization',
    html`${again}
      <section>${page.formOf(path, fields, { step: 'create' })}</section>`,
  );
}

/** The roles of the form, without permissions: products read the keys, and the API can add permissions later. */
const rolesOf = ({ roles = '' }: PageCall['form']) =>
  [...new Set(roles.split(/[,،]/).map((name) => name.trim()))]
    .filter((name) => name !== '')
    .map((name) => ({ key: name, displayName: name, allowedPermissions: [] }));

const made = z.looseObject({ orgId: z.string(), invited: z.boolean() });

async function submit(page: PageCall): Promise<PageAnswer> {
  if (isConfirmation(page)) {
    await confirmed(page);
    return show(page);
  }
  const { orgName, adminFirstName, adminLastName, adminEmail } = page.form;
  const body = { orgName, adminFirstName, adminLastName, adminEmail, customRoles: rolesOf(page.form) };
  const answer = await page.api('POST', 'authorization/organizations/setup', { body });
  if (answer.ok) {
    const { orgId, invited } = made.parse(answer.body);
    const notice = invited ? 'created_invited' : 'created';
    return { redirect: page.href('organizations/members', { org: orgId, notice }) };
  }
  const { problem } = answer;
  const isOfRole = problem.fields.some((name) => name.startsWith('customRoles'));
  page.problem = isOfRole ? { ...problem, fields: [...problem.fields, 'roles'] } : problem;
  return show(page);
}

export const newOrganizationPage = pageRoutes({
  path,
  name: 'NewOrganization',
  summary: 'The page on which a super admin creates an organization',
  show,
  submit,
});
