import { z } from 'zod';
import { html, type Html } from '../http/html.ts';
import { acceptedMethods, anotherSignIn, stepUp } from '../pages/another-sign-in.ts';
import { confirmAgain, isConfirmable } from '../pages/confirm-again.ts';
import { framed } from '../pages/framed.ts';
import type { Values } from '../pages/layout.ts';
import type { PageCall } from '../pages/page-call.ts';
import type { PageAnswer } from '../pages/page-route.ts';
import { refusedSession } from '../pages/refused-session.ts';

const self = z.looseObject({
  userId: z.string(),
  isSuperAdmin: z.boolean(),
  organizations: z.array(
    z.looseObject({
      status: z.string(),
      roles: z.array(z.string()),
      managerRoles: z.array(z.string()),
      stepUpRequired: stepUp,
    }),
  ),
});

const organizationWithRoles = z.looseObject({
  id: z.string(),
  name: z.string(),
  roles: z.array(z.looseObject({ key: z.string(), displayName: z.string() })),
});

/** A role of the organization. */
export type Role = z.output<typeof organizationWithRoles>['roles'][number];

/** A member, as the API lists them. */
export const member = z.looseObject({
  id: z.string(),
  email: z.string(),
  displayName: z.string(),
  firstName: z.string(),
  lastName: z.string(),
  roles: z.array(z.string()),
  managerRoles: z.array(z.string()),
});
export type Member = z.output<typeof member>;

/** An organization, and the rights of the person there. The API checks every action again. */
export interface ManagedOrganization {
  readonly id: string;
  readonly name: string;
  readonly roles: readonly Role[];
  readonly userId: string;
  /** Whether the person has the rights of an owner. Otherwise they are a manager. */
  readonly isOwner: boolean;
  /** The roles that the person may grant. */
  readonly grantable: readonly Role[];
  /** Whether the person may change the roles of a member, or remove them. */
  readonly mayChange: (member: Member) => boolean;
}

/** @returns undefined if the person does not manage the organization; the page then has the problem */
export async function openOrganization(page: PageCall): Promise<ManagedOrganization | undefined> {
  const { org: id = '' } = page.form;
  if (!/^\d{1,19}$/.test(id)) {
    page.refuse('organization_not_found');
    return undefined;
  }
  const me = await page.api('GET', 'authentication/users/me', { query: { organizationId: id } });
  if (!me.ok) {
    page.problem = me.problem;
    return undefined;
  }
  const { userId, isSuperAdmin, organizations } = self.parse(me.body);
  const [own] = organizations;
  const { managerRoles = [], roles: held = [] } = own ?? {};
  const isOwner = isSuperAdmin || managerRoles.includes('ORG_OWNER');
  // Check the rights first, so that people without rights cause no security event of denied access.
  const refusal = isOwner || managerRoles.length > 0 ? undefined : refusalOf(own);
  if (refusal) {
    page.refuse(refusal);
    return undefined;
  }
  const answer = await page.api('GET', `authorization/organizations/${id}`, { query: { includeRoles: 'true' } });
  if (!answer.ok) {
    page.problem = answer.problem;
    return undefined;
  }
  const { name, roles } = organizationWithRoles.parse(answer.body);
  const mayGrantAny = isOwner || page.app.settings.managersMayGrantAnyRole;
  return {
    id,
    name,
    roles,
    userId,
    isOwner,
    grantable: mayGrantAny ? roles : roles.filter(({ key }) => held.includes(key)),
    mayChange: (other) => isOwner || (other.managerRoles.length === 0 && other.id !== userId),
  };
}

function refusalOf(own: z.output<typeof self>['organizations'][number] | undefined) {
  if (!own) return 'organization_not_found';
  if (own.status !== 'Active') return 'organization_inactive';
  return own.stepUpRequired === undefined ? 'access_denied' : 'step_up_required';
}

/** The form or link that leads to an accepted session: another sign-in method, or a recent authentication. */
async function confirmation(page: PageCall, path: string, hidden: Values & { org: string }): Promise<Html> {
  const me = await page.api('GET', 'authentication/users/me', { query: { organizationId: hidden.org } });
  const [own] = me.ok ? self.parse(me.body).organizations : [];
  const methods = acceptedMethods(page, own?.stepUpRequired);
  return methods ? html`<p>${methods} ${anotherSignIn(page)}</p>` : confirmAgain(page, path, hidden);
}

/** A refusal instead of a page of an organization, with a form or link that removes the reason of the refusal. */
export async function refusedOrganization(page: PageCall, path: string): Promise<PageAnswer> {
  const { problem } = page;
  if (!problem) return { redirect: page.href('organizations') };
  if (problem.code === 'unauthenticated' || problem.code === 'mfa_enrolment_required') {
    return refusedSession(page, problem);
  }
  const { org = '', user } = page.form;
  const hidden = { org, ...(user !== undefined && { user }) };
  const confirm = isConfirmable(problem) ? await confirmation(page, path, hidden) : html``;
  const body = html`${confirm}
    <p><a href="${page.href('organizations')}">${page.text('organizationsTitle')}</a></p>`;
  return framed(page, 'members', body);
}

/** The links between the pages of one organization. */
export const linksOf = (page: PageCall, { id }: ManagedOrganization): Html =>
  html` <a href="${page.href('organizations/members', { org: id })}">${page.text('members')}</a>
    <a href="${page.href('organizations/invitations', { org: id })}">${page.text('invitations')}</a>`;

/** The display names of roles. */
export function namesOf(page: PageCall, { roles }: ManagedOrganization, keys: readonly string[]): string[] {
  const names = new Map<string, string>(roles.map(({ key, displayName }) => [key, displayName]));
  return keys.map((key) => {
    if (key === 'ORG_OWNER') return page.text.plain('owner');
    return key === 'ORG_USER_MANAGER' ? page.text.plain('manager') : (names.get(key) ?? key);
  });
}
