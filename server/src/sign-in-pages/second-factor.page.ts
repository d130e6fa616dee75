import { z } from 'zod';
import { html, type Html } from '../http/html.ts';
import type { Answer } from '../pages/call-api.ts';
import type { Content, Values } from '../pages/layout.ts';
import type { PageCall } from '../pages/page-call.ts';
import { aboutPasskey, credentialOf, explainMissing, hasPasskeys, passkeyForm } from '../pages/passkey-form.ts';
import { type PageAnswer, signedIn } from '../pages/page-route.ts';

const factor = z.object({ id: z.string(), kind: z.enum(['totp', 'passkey', 'email']), name: z.string() });
const factorList = z.array(factor).max(20);
const pendingSignIn = z.looseObject({ mfaToken: z.string(), factors: factorList });

/** One option for the second factor. All passkeys are one option, because the authenticator chooses the passkey. */
interface Way {
  readonly id: string;
  readonly kind: z.output<typeof factor>['kind'] | 'recovery-code';
  readonly name: string;
}

const recoveryCode: Way = { id: 'recovery-code', kind: 'recovery-code', name: '' };
const optionsOfPasskeys = 'sessions/mfa/passkey-options';

/** The data of a sign-in whose second factor is missing. Each form of the page contains this data. */
interface Pending {
  readonly token: string;
  readonly factors: z.output<typeof factorList>;
}

function factorsOf({ form }: PageCall): Pending['factors'] {
  try {
    return factorList.parse(JSON.parse(form['factors'] ?? '[]'));
  } catch {
    return [];
  }
}

const pendingOf = (page: PageCall): Pending => ({ token: page.form['mfa_token'] ?? '', factors: factorsOf(page) });

/** The options for the second factor, in the order of preference. */
function waysOf(page: PageCall, { factors }: Pending): Way[] {
  const of = (kind: Way['kind']) => factors.filter((one) => one.kind === kind);
  const passkeys: Way[] =
    hasPasskeys(page) && of('passkey').length > 0 ? [{ id: 'passkey', kind: 'passkey', name: '' }] : [];
  return [...passkeys, ...of('totp'), ...of('email'), recoveryCode];
}

function chosenWay(page: PageCall, pending: Pending): Way {
  const ways = waysOf(page, pending);
  return ways.find(({ id }) => id === page.form['factor']) ?? ways[0] ?? recoveryCode;
}

/** Whether the page offers to remember the device after this factor. The API decides. */
const isRememberable = ({ app }: PageCall, { kind }: Way): boolean =>
  app.settings.mfa.rememberDays > 0 && (kind === 'totp' || kind === 'passkey');

function rememberBox(page: PageCall, way: Way): Html {
  const days = String(page.app.settings.mfa.rememberDays);
  return isRememberable(page, way) ? page.checkbox('remember', 'rememberDevice', { days }) : html``;
}

const codeFields = {
  totp: { name: 'code', label: 'code', hint: 'totpHint', autocomplete: 'one-time-code' },
  email: { name: 'code', label: 'code', hint: 'mailedFactorHint', autocomplete: 'one-time-code' },
  'recovery-code': { name: 'recoveryCode', label: 'recoveryCode', hint: 'recoveryHint', autocomplete: 'off' },
} as const;

/** The form for a factor. */
function formOf(page: PageCall, way: Way, hidden: Values): Html {
  const sent = { ...hidden, step: 'mfa', factor: way.id };
  if (way.kind === 'passkey') {
    return passkeyForm(page, {
      kind: 'get',
      page: 'sign-in',
      hidden: sent,
      options: optionsOfPasskeys,
      body: { mfaToken: hidden['mfa_token'] ?? '' },
      fields: rememberBox(page, way),
      button: page.button('usePasskey'),
    });
  }
  const field = page.field({ ...codeFields[way.kind], isCode: true, isFirst: true });
  return page.formOf('sign-in', html`${field}${rememberBox(page, way)}${page.button('verify')}`, sent);
}

/** The label of the button that leads to a factor. Authenticator apps need their names only if there are several. */
function labelOf(page: PageCall, way: Way, ways: readonly Way[]): Html {
  const { text } = page;
  switch (way.kind) {
    case 'passkey':
      return text('usePasskey');
    case 'email':
      return text('mailFactorCode', { address: way.name });
    case 'recovery-code':
      return text('useRecoveryCode');
    case 'totp': {
      const isAlone = ways.filter(({ kind }) => kind === 'totp').length === 1;
      return isAlone ? text('useAuthenticator') : text('useNamedAuthenticator', { name: way.name });
    }
  }
}

const leads = {
  totp: 'secondFactorLead',
  passkey: 'passkeyLead',
  email: 'mailedFactorLead',
  'recovery-code': 'secondFactorLead',
} as const;

/** The page that asks for the second factor. Its forms are sent to the sign-in page. */
function askForFactor(page: PageCall, pending: Pending, way: Way): Content {
  const { text } = page;
  const ways = waysOf(page, pending);
  const hidden = { mfa_token: pending.token, factors: JSON.stringify(pending.factors) };
  // The field for the code appears after the mail was sent. Before, a button requests the code.
  const isAsked = way.kind !== 'email' || page.form['factor'] === way.id;
  const others = ways.filter(({ id }) => !isAsked || id !== way.id || way.kind === 'email');
  const buttons = others.map(
    (other) => html`<button class="second" name="factor" value="${other.id}">${labelOf(page, other, ways)}</button>`,
  );
  const lead = isAsked ? text(leads[way.kind], { address: way.name }) : text('secondFactorLead');
  const isOnlyElsewhere = way.kind === 'recovery-code' && pending.factors.some(({ kind }) => kind === 'passkey');
  return page.content(
    'secondFactor',
    html`<p class="quiet">${isOnlyElsewhere && ways.length === 1 ? text('passkeyOnly') : lead}</p>
      ${isAsked ? formOf(page, way, hidden) : html``}
      ${others.length > 0 ? page.formOf('sign-in', html`${buttons}`, { ...hidden, step: 'other-factor' }) : html``}`,
  );
}

/** Shows the page again, such as after a refusal. */
export function showSecondFactor(page: PageCall): Content {
  const pending = pendingOf(page);
  return askForFactor(page, pending, chosenWay(page, pending));
}

/** Switches to another factor. A mailed code is sent at once. */
export async function chooseFactor(page: PageCall): Promise<PageAnswer> {
  const { token, factors } = pendingOf(page);
  if (chosenWay(page, { token, factors }).kind === 'email') {
    const sent = await page.api('POST', 'authentication/users/sessions/mfa/email-code', { body: { mfaToken: token } });
    if (sent.ok) page.notice = { text: 'resent' };
    else page.problem = sent.problem;
  }
  return showSecondFactor(page);
}

/**
 * The response to a sign-in attempt: a redirect to the product, the second factor, or the same page with the refusal.
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
  const pending = { token: mfaToken, factors };
  return askForFactor(page, pending, waysOf(page, pending)[0] ?? recoveryCode);
}

/** The factor of the form, in the form of the API. */
function proofOf({ form }: PageCall, { id, kind }: Way, assertion: object | undefined) {
  if (kind === 'passkey') return { assertion };
  if (kind === 'recovery-code') return { recoveryCode: form['recoveryCode'] ?? '' };
  return { factorId: id, code: form['code'] ?? '' };
}

/** Finishes a sign-in with the second factor of the form. */
export async function submitSecondFactor(page: PageCall): Promise<PageAnswer> {
  const pending = pendingOf(page);
  const way = chosenWay(page, pending);
  const mfaToken = pending.token;
  const assertion = way.kind === 'passkey' ? credentialOf(page) : undefined;
  if (way.kind === 'passkey' && assertion === undefined) {
    await explainMissing(page, optionsOfPasskeys, { mfaToken });
    return showSecondFactor(page);
  }
  const rememberDevice = isRememberable(page, way) && page.form['remember'] !== undefined;
  const body = { mfaToken, ...proofOf(page, way, assertion), ...(rememberDevice && { rememberDevice }) };
  const answer = await page.api('PUT', 'authentication/users/sessions/mfa', { body });
  return afterAttempt(page, assertion ? aboutPasskey(answer) : answer, () => showSecondFactor(page));
}
