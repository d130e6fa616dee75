import { z } from 'zod';
import { html } from '../http/html.ts';
import { framed } from '../pages/framed.ts';
import type { PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { refusedSession } from '../pages/refused-session.ts';

const path = 'organizations/leave';

const self = z.looseObject({ organizations: z.array(z.looseObject({ id: z.string(), name: z.string() })) });

async function show(page: PageCall): Promise<PageAnswer> {
  const { text } = page;
  const { org = '' } = page.form;
  const refusal = page.problem;
  const query = { includeOrganizations: 'true', organizationId: org };
  const me = await page.api('GET', 'authentication/users/me', { query });
  if (!me.ok && me.problem.code !== 'validation_failed') return refusedSession(page, me.problem);
  const [organization] = me.ok ? self.parse(me.body).organizations.filter(({ id }) => id === org) : [];
  if (!organization) {
    page.refuse('organization_not_found');
    return framed(page, 'leaveTitle', html``);
  }
  page.problem = refusal;
  const body = html`<p>${text('leaveLead', { name: organization.name })}</p>
    ${page.formOf(path, page.button('leave'), { org, step: 'leave' })}`;
  return framed(page, 'leaveTitle', body);
}

async function submit(page: PageCall): Promise<PageAnswer> {
  const url = `authentication/users/me/organizations/${encodeURIComponent(page.form['org'] ?? '')}`;
  const answer = await page.api('DELETE', url);
  if (answer.ok) return { redirect: page.href('account', { notice: 'left' }) };
  page.problem = answer.problem;
  return show(page);
}

export const leaveOrganizationPage = pageRoutes({
  path,
  name: 'LeaveOrganization',
  summary: 'The page to leave an organization',
  show,
  submit,
});
