import { z } from 'zod';
import { html } from '../http/html.ts';
import type { Problem } from '../pages/call-api.ts';
import type { PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { refusedSession } from '../pages/refused-session.ts';

/** A page of its own on the way back: browsers refuse a redirect from a form to another site. */
async function goOn(page: PageCall): Promise<PageAnswer> {
  const { text, returnTo, app } = page;
  if (returnTo === undefined) return { redirect: page.href('account') };
  const self = app.settings.mfa.policy === 'required' ? await page.api('GET', 'authentication/users/me') : undefined;
  if (self && !self.ok) return refusedSession(page, self.problem);
  const goal = await withCode(page, returnTo);
  if (typeof goal !== 'string') return refusedSession(page, goal);
  const body = html`<p>${text('backLead', { target: new URL(goal).host })}</p>
    <p><a class="button" href="${goal}" rel="noreferrer">${text('continue')}</a></p>`;
  return { ...page.content('backTitle', body), goesTo: goal };
}

const exchange = z.looseObject({ code: z.string() });

/** The address of the product, with a code if it asks for one. @returns the refusal of the API if it gives none */
async function withCode(page: PageCall, returnTo: string): Promise<string | Problem> {
  const { code_challenge: codeChallenge } = page.goal;
  if (codeChallenge === undefined) return returnTo;
  const body = { returnTo, codeChallenge };
  const answer = await page.api('POST', 'authentication/users/me/exchange-codes', { body });
  if (!answer.ok) return answer.problem;
  const url = new URL(returnTo);
  // Products read the first code. One that somebody else put into the address must not come before ours.
  url.searchParams.set('code', exchange.parse(answer.body).code);
  return url.href;
}

export const continuePage = pageRoutes({
  path: 'continue',
  name: 'Continue',
  summary: 'The way back to the product',
  show: goOn,
  changesState: true,
});
