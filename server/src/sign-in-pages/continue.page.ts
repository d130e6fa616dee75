import { z } from 'zod';
import { html } from '../http/html.ts';
import type { Problem } from '../pages/call-api.ts';
import { chosenOf, isOwnOrganization, ownOrganizations, withoutOrganization } from '../pages/organization-choice.ts';
import type { PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { refusedSession } from '../pages/refused-session.ts';

/** A separate page that leads to the product, because browsers refuse a redirect from a form to another site. */
async function goOn(page: PageCall): Promise<PageAnswer> {
  const { text, returnTo, app } = page;
  if (returnTo === undefined) return { redirect: page.href('account') };
  const self = app.settings.mfa.policy === 'required' ? await page.api('GET', 'authentication/users/me') : undefined;
  if (self && !self.ok) return refusedSession(page, self.problem);
  const target = new URL(returnTo);
  let organizationId: string | undefined;
  if (page.goal['organization'] === 'choose') {
    const choice = await choose(page);
    if ('redirect' in choice) return choice;
    if ('problem' in choice) return refusedSession(page, choice.problem);
    // The product must not take an organization that somebody else put into the URL for the choice of the person.
    target.searchParams.delete('organization');
    organizationId = choice.id;
    if (organizationId !== undefined) target.searchParams.set('organization', organizationId);
  }
  const goal = await withCode(page, returnTo, { target, organizationId });
  if (typeof goal !== 'string') return refusedSession(page, goal);
  const body = html`<p>${text('backLead', { target: new URL(goal).host })}</p>
    <p><a class="button" href="${goal}" rel="noreferrer">${text('continue')}</a></p>`;
  return { ...page.content('backTitle', body), goesTo: goal };
}

const exchange = z.looseObject({ code: z.string() });

/** The organization that the person has chosen. Without an id, the person continues without an organization. */
type Choice = { readonly id?: string } | { readonly redirect: string } | { readonly problem: Problem };

/** Chooses the organization if there is exactly one. Otherwise the page of the organizations asks. */
async function choose(page: PageCall): Promise<Choice> {
  const chosen = chosenOf(page);
  if (chosen === withoutOrganization) return {};
  const list = await ownOrganizations(page);
  if (!list) return page.problem ? { problem: page.problem } : {};
  const active = list.organizations.filter(({ status }) => status === 'Active');
  const [only] = active;
  if (chosen === undefined) {
    const isOnly = active.length === 1 && list.nextCursor === undefined;
    return only && isOnly ? { id: only.id } : { redirect: page.href('organizations') };
  }
  // The person may have left the organization in the meantime.
  return (await isOwnOrganization(page, chosen)) ? { id: chosen } : { redirect: page.href('organizations') };
}

/** The URL of the product, with an exchange code if there is a challenge; or the refusal of the API. */
async function withCode(
  page: PageCall,
  returnTo: string,
  { target, organizationId }: { target: URL; organizationId: string | undefined },
): Promise<string | Problem> {
  const { code_challenge: codeChallenge } = page.goal;
  // The parsed URL was checked. A browser could read its text in another way, relative to this page.
  if (codeChallenge === undefined) return target.href;
  const body = { returnTo, codeChallenge, organizationId };
  const answer = await page.api('POST', 'authentication/users/me/exchange-codes', { body });
  if (!answer.ok) return answer.problem;
  // Products read the first code, so replace every code that somebody else put into the URL.
  target.searchParams.set('code', exchange.parse(answer.body).code);
  return target.href;
}

export const continuePage = pageRoutes({
  path: 'continue',
  name: 'Continue',
  summary: 'The way back to the product',
  show: goOn,
  changesState: true,
});
