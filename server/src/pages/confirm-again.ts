import { z } from 'zod';
import { html, type Html } from '../http/html.ts';
import type { Problem } from './call-api.ts';
import { selectField } from './fields.ts';
import type { Values } from './layout.ts';
import type { PageCall } from './page-call.ts';
import type { PageAnswer } from './page-route.ts';
import { credentialOf, explainMissing, hasPasskeys, passkeyForm, problemOfPasskey } from './passkey-form.ts';
import { selfOf } from './self.ts';

const me = 'authentication/users/me';

/** Codes of refusals that do not recur after a recent authentication. */
const confirmable: ReadonlySet<string | undefined> = new Set(['reauthentication_required', 'step_up_required']);

export const isConfirmable = (problem: Problem | undefined): boolean => confirmable.has(problem?.code);

const factorList = z.looseObject({
  factors: z.array(z.looseObject({ id: z.string(), kind: z.string(), name: z.string() })),
});

const steps = { proof: 'confirm-again', mail: 'confirm-mail', passkey: 'confirm-passkey' } as const;
const allSteps: ReadonlySet<string | undefined> = new Set(Object.values(steps));

const passkeyOptions = 'me/reauthentication/passkey-options';

/** Whether the form of the call is one of {@link confirmAgain}. */
export const isConfirmation = ({ form }: PageCall): boolean => allSteps.has(form['step']);

/** Whether the page asks for authentication: from a refusal until an attempt succeeds. */
export const needsConfirmation = (page: PageCall): boolean =>
  isConfirmable(page.problem) || (isConfirmation(page) && page.notice?.text !== 'confirmedAgain');

/** Handles a form of {@link confirmAgain}, and then shows the page with the values that were entered. */
export async function confirmThen(page: PageCall, show: (page: PageCall) => Promise<PageAnswer>): Promise<PageAnswer> {
  if (await confirmed(page)) page.notice = { text: 'confirmedAgain' };
  return show(page);
}

/**
 * The form for fresh authentication: with the strongest factor or, without factors, with the password or a mailed code.
 * The page passes the submitted form to {@link confirmed}.
 *
 * @param path the page that receives the form
 * @param hidden values that the page needs afterwards
 */
export async function confirmAgain(page: PageCall, path: string, hidden: Values = {}): Promise<Html> {
  const { text } = page;
  const answer = await page.api('GET', `${me}/factors`);
  const factors = answer.ok ? factorList.parse(answer.body).factors : [];
  return html`<section aria-labelledby="again">
    <h2 id="again">${text('secondFactor')}</h2>
    ${factors.length > 0 ? byFactor(page, path, hidden, factors) : await byPassword(page, path, hidden)}
  </section>`;
}

function byFactor(page: PageCall, path: string, hidden: Values, factors: z.output<typeof factorList>['factors']): Html {
  // Only the strongest factor counts.
  if (factors.some(({ kind }) => kind === 'passkey')) return byPasskey(page, path, hidden);
  const options = factors.map(({ id, name }) => ({ value: id, label: html`${name}` }));
  const choice = selectField(page, { name: 'factor', label: 'authenticatorApp', options, value: page.form['factor'] });
  const code = page.field({
    name: 'code',
    label: 'code',
    hint: 'totpHint',
    autocomplete: 'one-time-code',
    isCode: true,
  });
  const fields = html`${choice} ${code} ${page.secondButton('continue')}`;
  return page.formOf(path, fields, { ...hidden, step: steps.proof });
}

function byPasskey(page: PageCall, path: string, hidden: Values): Html {
  if (!hasPasskeys(page)) return html`<p>${page.text('passkeyNeeded')}</p>`;
  return passkeyForm(page, {
    kind: 'get',
    page: path,
    hidden: { ...hidden, step: steps.passkey },
    options: passkeyOptions,
    button: page.button('usePasskey'),
  });
}

async function byPassword(page: PageCall, path: string, hidden: Values): Promise<Html> {
  if (page.form['step'] === steps.mail || page.form['by'] === 'mail') {
    const fields = html`${page.codeField('mailedFactorHint')}${page.secondButton('continue')}`;
    return page.formOf(path, fields, { ...hidden, step: steps.proof, by: 'mail' });
  }
  const password = page.field({
    name: 'currentPassword',
    label: 'currentPassword',
    type: 'password',
    autocomplete: 'current-password',
  });
  // Password managers read the user name, which tells them the account.
  const { email = '' } = (await selfOf(page)) ?? {};
  const userName = html`<input type="hidden" name="username" value="${email}" autocomplete="username" />`;
  const fields = html`${userName}${password}${page.secondButton('continue')}`;
  return html`${page.formOf(path, fields, { ...hidden, step: steps.proof })}
  ${page.formOf(path, page.secondButton('sendCode'), { ...hidden, step: steps.mail })}`;
}

/** Handles a form of {@link confirmAgain}. @returns whether the session is fresh; if not, the page must be shown */
export async function confirmed(page: PageCall): Promise<boolean> {
  const { step, by, factor, code = '', currentPassword = '' } = page.form;
  if (step === steps.mail) return sendCode(page);
  if (step === steps.passkey) return confirmedByPasskey(page);
  const mailed = by === 'mail' ? { verificationCode: code } : { currentPassword };
  return reauthenticated(page, factor === undefined ? mailed : { factorId: factor, code });
}

async function reauthenticated(page: PageCall, body: Readonly<Record<string, unknown>>): Promise<boolean> {
  const answer = await page.api('POST', `${me}/reauthentication`, { body });
  if (!answer.ok) page.problem = answer.problem;
  return answer.ok;
}

async function sendCode(page: PageCall): Promise<false> {
  const sent = await page.api('POST', `${me}/reauthentication-request`, { body: {} });
  if (sent.ok) page.notice = { text: 'resent' };
  else page.problem = sent.problem;
  return false;
}

async function confirmedByPasskey(page: PageCall): Promise<boolean> {
  const assertion = credentialOf(page);
  if (assertion === undefined) {
    await explainMissing(page, passkeyOptions);
    return false;
  }
  const isConfirmed = await reauthenticated(page, { assertion });
  if (page.problem) page.problem = problemOfPasskey(page.problem);
  return isConfirmed;
}
