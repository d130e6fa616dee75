import { createHash } from 'node:crypto';
import { z } from 'zod';
import { ApiError } from '../http/errors.ts';
import { html, type Html } from '../http/html.ts';
import { listProviders } from '../identity-providers/identity-providers.store.ts';
import { browserSecret } from '../pages/interaction.ts';
import type { PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { afterAttempt } from './second-factor.page.ts';

/** The verifier of the intents of this browser: a result is worth nothing in another one. @see RFC 7636 */
const verifierOf = ({ call, app }: PageCall): string | undefined => browserSecret(call, app.name, 'intent');

/** A button for each provider of the app. */
export async function providerButtons(page: PageCall): Promise<Html> {
  const { call, app } = page;
  if (!page.methods.includes('provider')) return html``;
  const providers = (await listProviders(call.services.db, app.id)).filter(({ enabled }) => enabled);
  const buttons = providers.map(({ id, name }) =>
    page.formOf('sign-in', page.secondButton('continueWith', { provider: name }), { step: 'provider', provider: id }),
  );
  return html`${buttons}`;
}

const intent = z.looseObject({ authUrl: z.string() });

/** Sends the browser to the provider, by a page of its own: browsers refuse a redirect from a form to another site. */
export async function goToProvider(page: PageCall, retry: () => PageAnswer | Promise<PageAnswer>): Promise<PageAnswer> {
  const { call, text, form } = page;
  const own = (path: string, query = {}) => call.services.config.publicUrl + page.href(path, query);
  const verifier = verifierOf(page);
  if (verifier === undefined) throw new ApiError('intent_invalid');
  const answer = await page.api('POST', 'authentication/idp/intents/create', {
    body: {
      idpId: form['provider'],
      successUrl: own('provider'),
      failureUrl: own('sign-in', { notice: 'provider_failed' }),
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

/** The browser comes back from the provider. Only the browser that began can finish, so a link is worth nothing. */
async function comeBack(page: PageCall): Promise<PageAnswer> {
  const { intentId, intentToken } = page.form;
  const codeVerifier = verifierOf(page);
  const retry = () =>
    page.content('signIn', html`<p><a class="button" href="${page.href('sign-in')}">${page.text('signIn')}</a></p>`);
  // A fixed verifier in its place would let everybody create intents that are finished in other browsers.
  if (codeVerifier === undefined) {
    page.refuse('intent_invalid');
    return retry();
  }
  const body = { intentId, intentToken, codeVerifier };
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
