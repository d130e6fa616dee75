import { z } from 'zod';
import { html } from '../http/html.ts';
import type { Answer } from '../pages/call-api.ts';
import type { Content } from '../pages/layout.ts';
import type { PageCall } from '../pages/page-call.ts';
import { type PageAnswer, signedIn } from '../pages/page-route.ts';

const pendingSignIn = z.looseObject({
  mfaToken: z.string(),
  factors: z.array(z.looseObject({ id: z.string(), kind: z.string() })),
});

/** The page that asks for the second factor. Its form is sent to the sign-in page. */
function askForFactor(page: PageCall, hidden: { mfa_token: string; factor_id: string }): Content {
  const { text } = page;
  const usesRecoveryCode = hidden.factor_id === '' || page.form['by'] === 'recovery-code';
  const ids = { mfa_token: hidden.mfa_token, ...(hidden.factor_id !== '' && { factor_id: hidden.factor_id }) };
  const totp = page.field({
    name: 'code',
    label: 'code',
    hint: 'totpHint',
    autocomplete: 'one-time-code',
    isCode: true,
    isFirst: true,
  });
  const recovery = page.field({
    name: 'recoveryCode',
    label: 'recoveryCode',
    hint: 'recoveryHint',
    autocomplete: 'off',
    isCode: true,
    isFirst: true,
  });
  const lead = hidden.factor_id === '' ? 'passkeyOnly' : 'secondFactorLead';
  const other = usesRecoveryCode ? 'useAuthenticator' : 'useRecoveryCode';
  const otherForm = page.formOf('sign-in', page.secondButton(other), {
    ...ids,
    step: 'other-factor',
    by: usesRecoveryCode ? 'totp' : 'recovery-code',
  });
  const asked = page.formOf('sign-in', html`${usesRecoveryCode ? recovery : totp}${page.button('verify')}`, {
    ...ids,
    step: 'mfa',
    by: usesRecoveryCode ? 'recovery-code' : 'totp',
  });
  return page.content(
    'secondFactor',
    html`<p class="quiet">${text(lead)}</p>
      ${asked} ${hidden.factor_id === '' ? html`` : otherForm}`,
  );
}

const pendingOf = ({ form }: PageCall) => ({ mfa_token: form['mfa_token'] ?? '', factor_id: form['factor_id'] ?? '' });

/** Shows the second factor that the form asks for, after the choice of another one. */
export const showSecondFactor = (page: PageCall): Content => askForFactor(page, pendingOf(page));

/**
 * The answer to an attempt to sign in: on to the product, the second factor, or the page of the attempt with its fault.
 *
 * @param retry the page of the attempt
 */
export async function afterAttempt(
  page: PageCall,
  answer: Answer,
  retry: () => PageAnswer | Promise<PageAnswer>,
): Promise<PageAnswer> {
  if (answer.ok) return signedIn(page);
  if (answer.problem.code !== 'mfa_required') {
    page.problem = answer.problem;
    return retry();
  }
  const { mfaToken, factors } = pendingSignIn.parse(answer.problem.members);
  const factor = factors.find(({ kind }) => kind === 'totp');
  return askForFactor(page, { mfa_token: mfaToken, factor_id: factor?.id ?? '' });
}

/** Finishes a sign-in with the second factor of the form. */
export async function submitSecondFactor(page: PageCall): Promise<PageAnswer> {
  const { mfa_token: mfaToken = '', factor_id: factorId = '', by, code = '', recoveryCode = '' } = page.form;
  const proof = by === 'recovery-code' ? { recoveryCode } : { factorId, code };
  const answer = await page.api('PUT', 'authentication/users/sessions/mfa', { body: { mfaToken, ...proof } });
  return afterAttempt(page, answer, () => showSecondFactor(page));
}
