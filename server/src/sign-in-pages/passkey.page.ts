import type { Html } from '../http/html.ts';
import { html } from '../http/html.ts';
import type { PageCall } from '../pages/page-call.ts';
import { aboutPasskey, credentialOf, explainMissing, hasPasskeys, passkeyForm } from '../pages/passkey-form.ts';
import type { PageAnswer } from '../pages/page-route.ts';
import { afterAttempt } from './second-factor.page.ts';

const options = 'sessions/passkey/options';

export const offersPasskeys = (page: PageCall): boolean => page.methods.includes('passkey') && hasPasskeys(page);

/**
 * The button to sign in with a passkey, if the app offers passkeys on this page.
 *
 * @param email the entered address; the options then list the passkeys of this address
 */
export function passkeyButton(page: PageCall, email?: string): Html {
  if (!offersPasskeys(page)) return html``;
  const named = email === undefined ? {} : { email };
  return passkeyForm(page, {
    kind: 'get',
    page: 'sign-in',
    hidden: { step: 'passkey', ...named },
    options,
    body: named,
    button: page.secondButton('usePasskey'),
    isAutofill: email === undefined,
  });
}

/** Signs in with the passkey of the form. @param retry the page of the attempt */
export async function submitPasskey(
  page: PageCall,
  retry: () => PageAnswer | Promise<PageAnswer>,
): Promise<PageAnswer> {
  const assertion = credentialOf(page);
  if (assertion === undefined) {
    const { email } = page.form;
    await explainMissing(page, options, email === undefined ? {} : { email });
    return retry();
  }
  const answer = await page.api('POST', 'authentication/users/sessions/passkey', { body: { assertion } });
  return afterAttempt(page, aboutPasskey(answer), retry);
}
