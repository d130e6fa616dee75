import { z } from 'zod';
import { html, type Html } from '../http/html.ts';
import { deviceName } from '../mail-texts/device-name.ts';
import { timeInWords } from '../mail-texts/languages.ts';
import { confirmAgain, confirmed, isConfirmable, isConfirmation } from '../pages/confirm-again.ts';
import { framed } from '../pages/framed.ts';
import type { Content } from '../pages/layout.ts';
import type { Notices, PageCall } from '../pages/page-call.ts';
import { goalOf, type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { credentialOf, explainMissing, hasPasskeys, passkeyForm, problemOfPasskey } from '../pages/passkey-form.ts';
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
  ['added', { text: 'factorAdded' }],
  ['confirmed', { text: 'confirmedAgain' }],
  ['required', { text: 'factorRequired', isAlert: true }],
]);

/** For people who have a factor but did not use it: they lost it, or the policy does not accept it. */
const unusableFactor = { text: 'factorUnusable', isAlert: true } as const;

function factorItem(page: PageCall, { id, kind, name, createdAt }: FactorList['factors'][number]): Html {
  const { text, look } = page;
  const what = text(kind === 'passkey' ? 'passkey' : 'authenticatorApp');
  const since = text('added', { time: timeInWords(createdAt, look.language) });
  return html`<li>
    <div>
      <strong><bdi>${name}</bdi></strong
      ><br /><span class="quiet">${what} · ${since}</span>
    </div>
    ${page.formOf(path, page.secondButton('remove'), { step: 'remove', factor: id })}
  </li>`;
}

/** A person without a factor sees no recovery codes, because the first factor creates them. */
function recoveryCodesOf(page: PageCall, { factors, recoveryCodes: { unused } }: FactorList): Html {
  if (factors.length === 0) return html``;
  const { text } = page;
  return html`<section aria-labelledby="recovery">
    <h2 id="recovery">${text('recoveryCodes')}</h2>
    <p>${text('codesLeft', { count: String(unused) })}</p>
    ${page.formOf(path, page.secondButton('newCodes'), { step: 'codes' })}
  </section>`;
}

/** The kinds of factors that people can add on this page. */
function addButtons(page: PageCall): Html {
  const { factors } = page.app.settings.mfa;
  const passkey = factors.includes('passkey') && hasPasskeys(page);
  return html`${passkey ? page.formOf(path, page.secondButton('addPasskey'), { step: 'add-passkey' }) : html``}
  ${factors.includes('totp') ? page.formOf(path, page.secondButton('addApp'), { step: 'add' }) : html``}`;
}

async function show(page: PageCall): Promise<PageAnswer> {
  const { text, problem } = page;
  const answer = await page.api('GET', factorsUrl);
  if (!answer.ok) return refusedSession(page, answer.problem);
  const list = factorList.parse(answer.body);
  page.readNotice(notices);
  if (page.notice?.text === 'factorRequired' && list.factors.length > 0) page.notice = unusableFactor;
  const isAsked = isConfirmation(page) && (problem ?? page.notice) !== undefined;
  const needsConfirmation = isAsked || isConfirmable(problem);
  const items = html`<ul>
    ${list.factors.map((factor) => factorItem(page, factor))}
  </ul>`;
  const body = html`<section aria-labelledby="factors">
      <h2 id="factors">${text('factors')}</h2>
      ${list.factors.length > 0 ? items : html`<p class="quiet">${text('noFactors')}</p>`} ${addButtons(page)}
    </section>
    ${recoveryCodesOf(page, list)} ${needsConfirmation ? await confirmAgain(page, path) : html``}`;
  return framed(page, 'factorsTitle', body);
}

/**
 * Mails a code if the first factor may need one. After a sign-in with a provider, the API ignores the code if
 * the account has no password.
 *
 * @returns whether a code was sent
 */
async function sendMailedCode(page: PageCall): Promise<boolean> {
  const list = await page.api('GET', factorsUrl);
  if (!list.ok || factorList.parse(list.body).factors.length > 0) return false;
  const amr = (await selfOf(page))?.session.amr ?? [];
  if (['email', 'hwk', 'swk'].some((method) => amr.includes(method))) return false;
  const sent = await page.api('POST', 'authentication/users/me/reauthentication-request', { body: {} });
  if (!sent.ok) page.problem = sent.problem;
  return sent.ok;
}

const added = z.looseObject({ id: z.string(), secret: z.string(), qrCode: z.string() });

/** The field for the mailed code that a first factor needs. */
const mailedCodeField = (page: PageCall, isMailed: string | undefined): Html =>
  isMailed === undefined
    ? html``
    : page.field({
        name: 'verificationCode',
        label: 'mailedCode',
        hint: 'mailedCodeHint',
        autocomplete: 'off',
        isCode: true,
      });

function askForFirstCode(page: PageCall, shown: Html, hidden: { factor: string; mailed?: string }): Content {
  const fields = html`${page.field({
    name: 'code',
    label: 'code',
    hint: 'totpHint',
    autocomplete: 'one-time-code',
    isCode: true,
    isFirst: true,
  })}${mailedCodeField(page, hidden.mailed)}${page.button('verify')}`;
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

const optionsToAdd = 'me/factors/passkey/options';

function askForPasskey(page: PageCall, mailed: string | undefined): Content {
  const { text, call, form } = page;
  const name = form['name'] ?? deviceName(call.client.userAgent ?? '') ?? text.plain('passkey');
  const fields = html`${page.field({ name: 'name', label: 'factorName', autocomplete: 'off', value: name })}
  ${mailedCodeField(page, mailed)}`;
  const body = html`<p>${text('addPasskeyLead')}</p>
    ${passkeyForm(page, {
      kind: 'create',
      page: path,
      hidden: { step: 'passkey', ...(mailed !== undefined && { mailed }) },
      options: optionsToAdd,
      fields,
      button: page.button('makePasskey'),
    })}
    <p class="after"><a href="${page.href(path)}">${text('startAgain')}</a></p>`;
  return page.content('addPasskey', body);
}

/** Asks for a name and, for a first factor, for the code of a mail, before the browser makes the passkey. */
async function beginPasskey(page: PageCall): Promise<PageAnswer> {
  // Show a refusal before the authenticator creates a passkey, not afterwards.
  const answer = await page.api('POST', `authentication/users/${optionsToAdd}`, { body: {} });
  if (!answer.ok) return refused(page, answer.problem);
  const isMailed = await sendMailedCode(page);
  return page.problem ? show(page) : askForPasskey(page, isMailed ? 'yes' : undefined);
}

/** Adds the passkey of the form. If only the mailed code is wrong, the form keeps the passkey. */
async function addPasskey(page: PageCall): Promise<PageAnswer> {
  const { name, verificationCode, mailed } = page.form;
  const credential = credentialOf(page);
  if (credential === undefined) {
    await explainMissing(page, optionsToAdd);
    return page.problem ? show(page) : askForPasskey(page, mailed);
  }
  const given = { ...(name !== undefined && { name }), ...(verificationCode !== undefined && { verificationCode }) };
  const answer = await page.api('POST', `${factorsUrl}/passkey`, { body: { credential, ...given } });
  if (answer.ok) return afterAdding(page, answer.body);
  if (isConfirmable(answer.problem)) return refused(page, answer.problem);
  page.problem = answer.problem;
  page.keepsCredential = answer.problem.code === 'code_invalid';
  const isOfField = answer.problem.fields.some((field) => field === 'name' || field === 'verificationCode');
  if (!isOfField) page.problem = problemOfPasskey(answer.problem);
  return askForPasskey(page, mailed);
}

/** Shows the page with a refusal. If recent authentication is missing, the page asks for it. */
function refused(page: PageCall, problem: NonNullable<PageCall['problem']>): Promise<PageAnswer> {
  page.problem = problem;
  return show(page);
}

/** Shows recovery codes, once. */
async function showCodes(page: PageCall, codes: readonly string[]): Promise<PageAnswer> {
  const { text } = page;
  // The session may remain restricted to managing factors: the person then signs in with the new factor.
  const goal = (await selfOf(page)) ? goalOf(page) : page.href('sign-in', { prompt: 'login' });
  return page.content(
    'recoveryCodes',
    html`<p>${text('storeCodes')}</p>
      <pre class="codes" dir="ltr">${codes.join('\n')}</pre>
      <p><a class="button" href="${goal}">${text('stored')}</a></p>`,
  );
}

const completed = z.looseObject({ recoveryCodes: z.array(z.string()).optional() });

function afterAdding(page: PageCall, body: unknown): PageAnswer | Promise<PageAnswer> {
  const { recoveryCodes } = completed.parse(body);
  return recoveryCodes ? showCodes(page, recoveryCodes) : { redirect: page.href(path, { notice: 'added' }) };
}

async function confirm(page: PageCall): Promise<PageAnswer> {
  const { factor = '', code = '', verificationCode, mailed } = page.form;
  const body = { code, ...(verificationCode !== undefined && { verificationCode }) };
  const answer = await page.api('POST', `${factorsUrl}/${encodeURIComponent(factor)}/confirmation`, { body });
  if (!answer.ok) {
    page.problem = answer.problem;
    return askForFirstCode(page, html``, { factor, ...(mailed !== undefined && { mailed }) });
  }
  return afterAdding(page, answer.body);
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

async function takeConfirmation(page: PageCall): Promise<PageAnswer> {
  return (await confirmed(page)) ? { redirect: page.href(path, { notice: 'confirmed' }) } : show(page);
}

const steps: ReadonlyMap<string | undefined, (page: PageCall) => Promise<PageAnswer>> = new Map([
  ['add', add],
  ['confirm', confirm],
  ['remove', remove],
  ['codes', replaceCodes],
  ['add-passkey', beginPasskey],
  ['passkey', addPasskey],
]);

export const secondFactorsPage = pageRoutes({
  path,
  name: 'SecondFactors',
  summary: 'The page of the caller’s second factors',
  show,
  submit: (page) => (isConfirmation(page) ? takeConfirmation(page) : (steps.get(page.form['step']) ?? show)(page)),
});
