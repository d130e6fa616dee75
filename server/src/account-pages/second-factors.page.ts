import { z } from 'zod';
import { html, type Html } from '../http/html.ts';
import { timeInWords } from '../mail-texts/languages.ts';
import type { Content } from '../pages/layout.ts';
import type { Notices, PageCall } from '../pages/page-call.ts';
import { goalOf, type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { refusedSession } from '../pages/refused-session.ts';
import { selfOf } from '../pages/self.ts';

const path = 'account/second-factors';
const factorsUrl = 'authentication/users/me/factors';

const factorList = z.looseObject({
  factors: z.array(z.looseObject({ id: z.string(), kind: z.string(), name: z.string(), createdAt: z.string() })),
  recoveryCodes: z.looseObject({ total: z.int(), unused: z.int() }),
});
type FactorList = z.output<typeof factorList>;

const notices: Notices = new Map([
  ['removed', { text: 'factorRemoved' }],
  ['required', { text: 'factorRequired', isAlert: true }],
]);

function factorItem(page: PageCall, { id, name, createdAt }: FactorList['factors'][number]): Html {
  const { text, look } = page;
  const since = text('added', { time: timeInWords(createdAt, look.language) });
  return html`<li>
    <div>
      <strong><bdi>${name}</bdi></strong
      ><br /><span class="quiet">${since}</span>
    </div>
    ${page.formOf(path, page.secondButton('remove'), { step: 'remove', factor: id })}
  </li>`;
}

/** A person without any factor sees no recovery codes, because they come with the first one. */
function recoveryCodesOf(page: PageCall, { factors, recoveryCodes: { unused } }: FactorList): Html {
  if (factors.length === 0) return html``;
  const { text } = page;
  return html`<section aria-labelledby="recovery">
    <h2 id="recovery">${text('recoveryCodes')}</h2>
    <p>${text('codesLeft', { count: String(unused) })}</p>
    ${page.formOf(path, page.secondButton('newCodes'), { step: 'codes' })}
  </section>`;
}

async function show(page: PageCall): Promise<PageAnswer> {
  const { text, problem } = page;
  const answer = await page.api('GET', factorsUrl);
  if (!answer.ok) return refusedSession(page, answer.problem);
  const list = factorList.parse(answer.body);
  page.readNotice(notices);
  const needsConfirmation = page.form['step'] === 'confirm-again' || confirmable.has(problem?.code);
  const items = html`<ul>
    ${list.factors.map((factor) => factorItem(page, factor))}
  </ul>`;
  const body = html`<section aria-labelledby="factors">
      <h2 id="factors">${text('factors')}</h2>
      ${list.factors.length > 0 ? items : html`<p class="quiet">${text('noFactors')}</p>`}
      ${page.formOf(path, page.secondButton('addApp'), { step: 'add' })}
    </section>
    ${recoveryCodesOf(page, list)} ${problem && needsConfirmation ? confirmAgain(page, list) : html``}
    <p><a href="${page.href('account')}">${text('account')}</a></p>
    ${page.signOutForm()}`;
  return { ...page.content('factorsTitle', body), isWide: true };
}

/** Refusals that recent authentication removes. */
const confirmable: ReadonlySet<string | undefined> = new Set(['reauthentication_required', 'step_up_required']);

/**
 * The form that makes the session fresh again: with the code of an authenticator app or, without factors, the password.
 * The strongest factor counts, and this page cannot ask for passkeys.
 */
function confirmAgain(page: PageCall, { factors }: FactorList): Html {
  if (factors.some(({ kind }) => kind === 'passkey')) return html`<p class="alert">${page.text('passkeyNeeded')}</p>`;
  const [factor] = factors;
  const field = factor
    ? page.field({ name: 'code', label: 'code', hint: 'totpHint', autocomplete: 'one-time-code', isCode: true })
    : page.field({
        name: 'currentPassword',
        label: 'currentPassword',
        type: 'password',
        autocomplete: 'current-password',
      });
  const hidden = { step: 'confirm-again', ...(factor && { factor: factor.id }) };
  return html`<section aria-labelledby="again">
    <h2 id="again">${page.text('secondFactor')}</h2>
    ${page.formOf(path, html`${field}${page.secondButton('continue')}`, hidden)}
  </section>`;
}

/** Whether the first factor needs a code by mail, too. Sends it. The API decides again. */
async function sendMailedCode(page: PageCall): Promise<boolean> {
  const list = await page.api('GET', factorsUrl);
  if (!list.ok || factorList.parse(list.body).factors.length > 0) return false;
  const amr = (await selfOf(page))?.session.amr ?? [];
  if (['email', 'fed', 'hwk', 'swk'].some((method) => amr.includes(method))) return false;
  const sent = await page.api('POST', 'authentication/users/me/reauthentication-request', { body: {} });
  if (!sent.ok) page.problem = sent.problem;
  return sent.ok;
}

const added = z.looseObject({ id: z.string(), secret: z.string(), qrCode: z.string() });

function askForFirstCode(page: PageCall, shown: Html, hidden: { factor: string; mailed?: string }): Content {
  const mailed = page.field({
    name: 'verificationCode',
    label: 'mailedCode',
    hint: 'mailedCodeHint',
    autocomplete: 'off',
    isCode: true,
  });
  const fields = html`${page.field({
    name: 'code',
    label: 'code',
    hint: 'totpHint',
    autocomplete: 'one-time-code',
    isCode: true,
    isFirst: true,
  })}${hidden.mailed === undefined ? html`` : mailed}${page.button('verify')}`;
  const body = html`${shown} ${page.formOf(path, fields, { ...hidden, step: 'confirm' })}
    <p class="after"><a href="${page.href(path)}">${page.text('startAgain')}</a></p>`;
  return page.content('addApp', body);
}

async function add(page: PageCall): Promise<PageAnswer> {
  const { text } = page;
  const answer = await page.api('POST', `${factorsUrl}/totp`, { body: {} });
  if (!answer.ok) return refused(page, answer.problem);
  const { id, secret, qrCode } = added.parse(answer.body);
  const isMailed = await sendMailedCode(page);
  if (page.problem) return show(page);
  const source = `data:image/svg+xml;base64,${Buffer.from(qrCode).toString('base64')}`;
  const shown = html`<p>${text('scan')}</p>
    <p><img class="qr" src="${source}" alt="${text.plain('qrCode')}" width="200" height="200" /></p>
    <p class="quiet">${text('typeSecret')}<br /><code dir="ltr">${secret.match(/.{1,4}/g)?.join(' ') ?? ''}</code></p>`;
  return askForFirstCode(page, shown, { factor: id, ...(isMailed && { mailed: 'yes' }) });
}

/** Shows the page with a refusal. If recent authentication is missing, the page asks for it. */
function refused(page: PageCall, problem: NonNullable<PageCall['problem']>): Promise<PageAnswer> {
  page.problem = problem;
  return show(page);
}

/** Shows recovery codes, once. */
async function showCodes(page: PageCall, codes: readonly string[]): Promise<PageAnswer> {
  const { text } = page;
  // A session that could only manage factors may stay so: the person then signs in with the new factor.
  const goal = (await selfOf(page)) ? goalOf(page) : page.href('sign-in', { prompt: 'login' });
  return page.content(
    'recoveryCodes',
    html`<p>${text('storeCodes')}</p>
      <pre class="codes" dir="ltr">${codes.join('\n')}</pre>
      <p><a class="button" href="${goal}">${text('stored')}</a></p>`,
  );
}

const confirmed = z.looseObject({ recoveryCodes: z.array(z.string()).optional() });

async function confirm(page: PageCall): Promise<PageAnswer> {
  const { factor = '', code = '', verificationCode, mailed } = page.form;
  const body = { code, ...(verificationCode !== undefined && { verificationCode }) };
  const answer = await page.api('POST', `${factorsUrl}/${encodeURIComponent(factor)}/confirmation`, { body });
  if (!answer.ok) {
    page.problem = answer.problem;
    return askForFirstCode(page, html``, { factor, ...(mailed !== undefined && { mailed }) });
  }
  const { recoveryCodes } = confirmed.parse(answer.body);
  return recoveryCodes ? showCodes(page, recoveryCodes) : { redirect: page.href(path) };
}

async function remove(page: PageCall): Promise<PageAnswer> {
  const { factor = '' } = page.form;
  const answer = await page.api('DELETE', `${factorsUrl}/${encodeURIComponent(factor)}`);
  return answer.ok ? { redirect: page.href(path, { notice: 'removed' }) } : refused(page, answer.problem);
}

const newCodes = z.looseObject({ recoveryCodes: z.array(z.string()) });

async function replaceCodes(page: PageCall): Promise<PageAnswer> {
  const answer = await page.api('POST', 'authentication/users/me/recovery-codes');
  return answer.ok ? showCodes(page, newCodes.parse(answer.body).recoveryCodes) : refused(page, answer.problem);
}

async function reauthenticate(page: PageCall): Promise<PageAnswer> {
  const { factor, code = '', currentPassword = '' } = page.form;
  const body = factor === undefined ? { currentPassword } : { factorId: factor, code };
  const answer = await page.api('POST', 'authentication/users/me/reauthentication', { body });
  return answer.ok ? { redirect: page.href(path) } : refused(page, answer.problem);
}

const steps: ReadonlyMap<string | undefined, (page: PageCall) => Promise<PageAnswer>> = new Map([
  ['add', add],
  ['confirm', confirm],
  ['remove', remove],
  ['codes', replaceCodes],
  ['confirm-again', reauthenticate],
]);

export const secondFactorsPage = pageRoutes({
  path,
  name: 'SecondFactors',
  summary: 'The page of the own second factors',
  show,
  submit: (page) => (steps.get(page.form['step']) ?? show)(page),
});
