import { z } from 'zod';
import type { ErrorCode } from '../http/errors.ts';
import { html, type Html } from '../http/html.ts';
import type { Problem } from '../pages/call-api.ts';
import { confirmAgain, confirmed, isConfirmable, isConfirmation } from '../pages/confirm-again.ts';
import { framed } from '../pages/framed.ts';
import type { PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { refusedSession } from '../pages/refused-session.ts';

const path = 'organizations/new';

const self = z.looseObject({
  isSuperAdmin: z.boolean(),
  isEmailClaimed: z.boolean(),
  email: z.string(),
  firstName: z.string(),
  lastName: z.string(),
});
type Self = z.output<typeof self>;

const fieldNames = ['orgName', 'adminFirstName', 'adminLastName', 'adminEmail', 'roles'] as const;

/** The operation of the person: super admins set up organizations, others create their own. */
const steps = { setup: 'create', own: 'create-own' } as const;

/** The fields for the owner. A super admin can name somebody else. */
function ownerFields(page: PageCall, person: Self): Html {
  const { text, form } = page;
  return html`<p class="quiet">${text('ownerLead')}</p>
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
    </div>`;
}

function formFor(page: PageCall, person: Self): Html {
  const { text, form } = page;
  const { isSuperAdmin } = person;
  const fields = html`${page.field({
    name: 'orgName',
    label: 'organizationName',
    autocomplete: 'organization',
    value: form['orgName'],
    isFirst: true,
  })}
  ${isSuperAdmin ? ownerFields(page, person) : html`<p class="quiet">${text('ownOrganizationLead')}</p>`}
  ${page.field({
    name: 'roles',
    label: 'rolesOfOrganization',
    hint: 'rolesHint',
    autocomplete: 'off',
    value: form['roles'] ?? (page.isSent ? '' : 'Member'),
    isOptional: true,
  })}${page.button('create')}`;
  return html`<section>${page.formOf(path, fields, { step: isSuperAdmin ? steps.setup : steps.own })}</section>`;
}

/** The refusal that a form would get, shown before people enter anything; undefined if the form is allowed. */
function refusalFor({ app }: PageCall, { isSuperAdmin, isEmailClaimed }: Self): ErrorCode | undefined {
  if (isSuperAdmin) return undefined;
  if (!app.settings.usersMayCreateOrganizations) return 'access_denied';
  return isEmailClaimed ? undefined : 'account_unclaimed';
}

async function show(page: PageCall): Promise<PageAnswer> {
  const { text, form } = page;
  const refusal = page.problem;
  const me = await page.api('GET', 'authentication/users/me', { query: { includeOrganizations: 'true' } });
  if (!me.ok) return refusedSession(page, me.problem);
  const person = self.parse(me.body);
  const code = refusalFor(page, person);
  if (code !== undefined) {
    page.refuse(code);
    const verify = html`<p><a href="${page.href('verify')}">${text('verifyNow')}</a></p>`;
    return framed(page, 'newOrganization', code === 'account_unclaimed' ? verify : html``);
  }
  if (isConfirmation(page) && !refusal) page.notice ??= { text: 'confirmedAgain' };
  const kept = Object.fromEntries(
    fieldNames.flatMap((name) => (form[name] === undefined ? [] : [[name, form[name]] as const])),
  );
  const again = isConfirmable(refusal) ? await confirmAgain(page, path, kept) : html``;
  return framed(page, 'newOrganization', html`${again} ${formFor(page, person)}`);
}

/** The roles of the form, without permissions. Products read the keys, and permissions can be added with the API. */
const rolesOf = ({ roles = '' }: PageCall['form']) =>
  [...new Set(roles.split(/[,،]/).map((name) => name.trim()))]
    .filter((name) => name !== '')
    .map((name) => ({ key: name, displayName: name, allowedPermissions: [] }));

/** Creates the organization of the form. */
function create(page: PageCall) {
  const { step, orgName, adminFirstName, adminLastName, adminEmail } = page.form;
  const customRoles = rolesOf(page.form);
  if (step === steps.own) {
    return page.api('POST', 'authorization/organizations', { body: { name: orgName, customRoles } });
  }
  const body = { orgName, adminFirstName, adminLastName, adminEmail, customRoles };
  return page.api('POST', 'authorization/organizations/setup', { body });
}

const made = z.looseObject({ orgId: z.string(), invited: z.boolean().default(false) });

/** The names of form fields, by the names of API fields. */
const fieldsOf = ({ fields }: Problem): string[] =>
  fields.map((name) => (name.startsWith('customRoles') ? 'roles' : name === 'name' ? 'orgName' : name));

async function submit(page: PageCall): Promise<PageAnswer> {
  if (isConfirmation(page)) {
    await confirmed(page);
    return show(page);
  }
  const answer = await create(page);
  if (!answer.ok) {
    page.problem = { ...answer.problem, fields: fieldsOf(answer.problem) };
    return show(page);
  }
  const { orgId, invited } = made.parse(answer.body);
  // Return people who were choosing an organization to the choice, which now contains the new one.
  if (page.goal['organization'] === 'choose') return { redirect: page.href('organizations') };
  const notice = invited ? 'created_invited' : 'created';
  return { redirect: page.href('organizations/members', { org: orgId, notice }) };
}

export const newOrganizationPage = pageRoutes({
  path,
  name: 'NewOrganization',
  summary: 'The page on which people create an organization',
  show,
  submit,
});
