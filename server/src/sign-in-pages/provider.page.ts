import { createHash } from 'node:crypto';
import { z } from 'zod';
import type { providerPages } from '../apps/url-template.ts';
import { ApiError } from '../http/errors.ts';
import { html, type Html } from '../http/html.ts';
import { listProviders } from '../identity-providers/identity-providers.store.ts';
import { browserSecret } from '../pages/interaction.ts';
import type { PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { afterAttempt } from './second-factor.page.ts';

/** The purpose of a redirect to a provider, and the pages to which the browser returns. */
export interface ProviderVisit {
  /** The purpose. Results of another purpose are refused, so that a sign-in cannot become a link. */
  readonly purpose: string;
  readonly successPage: (typeof providerPages)[number];
  readonly failurePage: (typeof providerPages)[number];
}

const signInVisit: ProviderVisit = { purpose: 'intent', successPage: 'provider', failurePage: 'sign-in' };

/** The verifier of the intents of this browser. No other browser can redeem a result. @see RFC 7636 */
const verifierOf = ({ call, app }: PageCall, { purpose }: ProviderVisit): string | undefined =>
  browserSecret(call, app.name, purpose);

/** The body for the API with the result of the provider. @returns undefined if the visit began in another browser */
export function resultOf(page: PageCall, visit: ProviderVisit) {
  const { intentId, intentToken } = page.form;
  const codeVerifier = verifierOf(page, visit);
  // With a fixed verifier, anyone could create intents that other browsers finish.
  return codeVerifier === undefined ? undefined : { intentId, intentToken, codeVerifier };
}

/** The providers that people can use in the app. */
export async function usableProviders({ call, app, methods }: PageCall) {
  if (!methods.includes('provider')) return [];
  return (await listProviders(call.services.db, app.id)).filter(({ enabled }) => enabled);
}

/** A button for each provider of the app. */
export async function providerButtons(page: PageCall): Promise<Html> {
  const buttons = (await usableProviders(page)).map(({ id, name }) =>
    page.formOf('sign-in', page.secondButton('continueWith', { provider: name }), { step: 'provider', provider: id }),
  );
  return html`${buttons}`;
}

const intent = z.looseObject({ authUrl: z.string() });

/** Sends the browser to the provider from a separate page: browsers refuse a redirect from a form to another site. */
export async function goToProvider(
  page: PageCall,
  retry: () => PageAnswer | Promise<PageAnswer>,
  visit = signInVisit,
): Promise<PageAnswer> {
  const { call, text, form } = page;
  const own = (path: string, query = {}) => call.services.config.publicUrl + page.href(path, query);
  const verifier = verifierOf(page, visit);
  if (verifier === undefined) throw new ApiError('intent_invalid');
  const answer = await page.api('POST', 'authentication/idp/intents/create', {
    body: {
      idpId: form['provider'],
      successUrl: own(visit.successPage),
      failureUrl: own(visit.failurePage, { notice: 'provider_failed' }),
      codeChallenge: createHash('sha256').update(verifier).digest('base64url'),
    },
  });
  if (!answer.ok) {
    page.problem = answer.problem;
    return retry();
  }
  const { authUrl } = intent.parse(answer.body);
  const body = html`<p><a class="button" href="${authUrl}">${text('continue')}</a></p>`;
  return { ...page.content('backTitle', body), goesTo: authUrl };
}

/** Handles the return from the provider. Only the browser that started can finish, so a stolen link has no effect. */
async function comeBack(page: PageCall): Promise<PageAnswer> {
  const body = resultOf(page, signInVisit);
  const retry = () =>
    page.content('signIn', html`<p><a class="button" href="${page.href('sign-in')}">${page.text('signIn')}</a></p>`);
  if (!body) {
    page.refuse('intent_invalid');
    return retry();
  }
  return afterAttempt(page, await page.api('POST', 'authentication/idp/intents/validate', { body }), retry);
}

export const providerPage = pageRoutes({
  path: 'provider',
  name: 'Provider',
  summary: 'The target of the way back from an identity provider',
  show: comeBack,
  changesState: true,
  redirects: true,
  errors: ['intent_invalid'],
});
