import { emailAddress } from '../http/email-address.ts';
import { html, type Html } from '../http/html.ts';
import { isLongCode } from '../keys/secrets.ts';
import type { Content } from '../pages/layout.ts';
import type { Notices, PageCall } from '../pages/page-call.ts';
import { goalOf, type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { selfOf } from '../pages/self.ts';
import { goToProvider, providerButtons } from './provider.page.ts';
import { offersPasskeys, passkeyButton, submitPasskey } from './passkey.page.ts';
import { afterAttempt, chooseFactor, showSecondFactor, submitSecondFactor } from './second-factor.page.ts';

const methodsOf = (page: PageCall) => ({
  password: page.methods.includes('password'),
  code: page.methods.includes('emailCode'),
  passkey: offersPasskeys(page),
});

/** The methods in the order of the app. Password and mailed code start with the same field. */
function inOrder({ methods }: PageCall, parts: Readonly<Record<'password' | 'passkey' | 'provider', Html>>): Html[] {
  const kinds = methods.map((method) => (method === 'emailCode' ? 'password' : method));
  // A sign-in with a passkey alone also starts with the field for the address.
  const all = new Set(kinds.includes('password') ? kinds : (['password', ...kinds] as const));
  return [...all].map((kind) => html`<div class="way">${parts[kind]}</div>`);
}

/** Messages to show after a redirect, by the query parameter `notice`. */
const notices: Notices = new Map([
  ['password_changed', { text: 'passwordChanged' }],
  ['verified', { text: 'verifiedElsewhere' }],
  ['provider_failed', { text: 'providerFailed', isAlert: true }],
]);

async function askForAddress(page: PageCall): Promise<Content> {
  const { text, app } = page;
  page.readNotice(notices);
  const { password, code, passkey } = methodsOf(page);
  const takesAddress = password || code || passkey;
  const fields = html`${page.field({
    name: 'email',
    label: 'email',
    type: 'email',
    autocomplete: 'username webauthn',
    value: page.form['email'],
    isFirst: true,
  })}${page.button('continue')}`;
  const providers = await providerButtons(page);
  const isOffered = takesAddress || providers.markup !== '';
  const signUp = app.settings.signUpEnabled
    ? html`<p class="after">
        <span class="quiet">${text('noAccount')}</span> <a href="${page.href('sign-up')}">${text('createAccount')}</a>
      </p>`
    : html``;
  return page.content(
    'signIn',
    html`${inOrder(page, {
      password: takesAddress ? page.formOf('sign-in', fields, { step: 'identify' }) : html``,
      passkey: passkeyButton(page),
      provider: providers,
    })}
    ${isOffered ? html`` : html`<p>${text('noMethod')}</p>`} ${signUp}`,
    { heading: 'signInLead' },
  );
}

/** The page as a preview. */
export const previewOfSignIn = (page: PageCall): Promise<Content> => askForAddress(page);

/** The entered address, with a link to change it. Password managers read the address as the user name. */
const whoIs = (page: PageCall, email: string) =>
  html`<p class="who">
      <bdi>${email}</bdi> <a href="${page.href('sign-in', { prompt: 'login' })}">${page.text('changeEmail')}</a>
    </p>
    <input type="hidden" name="email" value="${email}" autocomplete="username" />`;

function codeForm(page: PageCall, email: string, label: 'sendCode' | 'resend') {
  return page.formOf('sign-in', page.secondButton(label), {
    email,
    step: 'send-code',
  });
}

function askForPassword(page: PageCall, email: string): Content {
  const { text } = page;
  const fields = html`${whoIs(page, email)}${page.field({
    name: 'password',
    label: 'password',
    type: 'password',
    autocomplete: 'current-password',
    isFirst: true,
  })}${page.button('signIn')}`;
  return page.content(
    'signIn',
    html`${page.formOf('sign-in', fields, { step: 'password' })}
      ${methodsOf(page).code ? codeForm(page, email, 'sendCode') : html``} ${passkeyButton(page, email)}
      <p class="after"><a href="${page.href('forgot-password', { email })}">${text('forgotPassword')}</a></p>`,
    { heading: 'signInLead' },
  );
}

function askForCode(page: PageCall, email: string): Content {
  const fields = html`${whoIs(page, email)}${page.codeField()}${page.button('signIn')}`;
  const usePassword = page.formOf('sign-in', page.secondButton('usePassword'), { email, step: 'use-password' });
  return page.content(
    'signIn',
    html`${page.formOf('sign-in', fields, { step: 'code' })} ${codeForm(page, email, 'resend')}
    ${methodsOf(page).password ? usePassword : html``}`,
    { heading: 'signInLead', values: { email } },
  );
}

/** The page after the address, if the app offers passkeys only. */
function askForPasskey(page: PageCall, email: string): Content {
  const fields = html`${whoIs(page, email)}${passkeyButton(page, email)}`;
  return page.content('signIn', fields, { heading: 'signInLead' });
}

/**
 * The target of the link in a mail. Only the button signs in, so that programs that open links do not consume the code.
 * Only long codes are accepted, because a link with a short code would sign people in to somebody else's account.
 */
function askForLink(page: PageCall, email: string, code: string): Content {
  const { text } = page;
  return page.content(
    'signIn',
    html`${page.formOf('sign-in', page.button('signInWithLink', { email }), { email, code, step: 'code', by: 'link' })}
      <p class="hint">${text('linkElsewhere')}</p>`,
    { heading: 'signInLead' },
  );
}

function offerSession(page: PageCall, email: string): Content {
  const { text } = page;
  const body = html`<p>${text('signedInAs', { email })}</p>
    <p><a class="button" href="${goalOf(page)}">${text('continue')}</a></p>
    <p><a class="button second" href="${page.href('sign-in', { prompt: 'login' })}">${text('otherAccount')}</a></p>`;
  return page.content('signIn', body, { heading: 'signInLead' });
}

/** The step to which a form belongs. */
function stepOf(page: PageCall): Content | Promise<Content> {
  const { email, step, code, by } = page.form;
  const { password, code: mailsCode } = methodsOf(page);
  if (step === 'mfa' || step === 'other-factor') return showSecondFactor(page);
  if (email === undefined) return askForAddress(page);
  if (by === 'link' && code !== undefined && isLongCode(code) && !page.problem) return askForLink(page, email, code);
  if (!password && !mailsCode) return askForPasskey(page, email);
  if (step === 'code' || !password) return askForCode(page, email);
  return ['password', 'send-code', 'passkey'].includes(step ?? '') ? askForPassword(page, email) : askForAddress(page);
}

async function show(page: PageCall): Promise<Content> {
  const { email, code, prompt } = page.form;
  if (page.isSent) return stepOf(page);
  if (email !== undefined && code !== undefined && isLongCode(code)) return askForLink(page, email, code);
  const self = prompt === 'login' ? undefined : await selfOf(page);
  return self ? offerSession(page, self.email) : askForAddress(page);
}

async function sendCode(page: PageCall, email: string): Promise<Content> {
  const answer = await page.api('POST', 'authentication/users/sessions/email-code', { body: { email } });
  if (!answer.ok) {
    page.problem = answer.problem;
    if (answer.problem.fields.includes('email')) return askForAddress(page);
    return methodsOf(page).password ? askForPassword(page, email) : stepOf(page);
  }
  page.notice = { text: 'codeSent' };
  return askForCode(page, email);
}

type Step = (page: PageCall, email: string) => PageAnswer | Promise<PageAnswer>;

const signInWith =
  (credentials: (page: PageCall) => Readonly<Record<string, string>>): Step =>
  async (page, email) => {
    const body = { email, ...credentials(page) };
    return afterAttempt(page, await page.api('POST', 'authentication/users/sessions', { body }), () => stepOf(page));
  };

const steps: ReadonlyMap<string | undefined, Step> = new Map<string, Step>([
  ['password', signInWith(({ form }) => ({ password: form['password'] ?? '' }))],
  ['code', signInWith(({ form }) => ({ verificationCode: form['code'] ?? '' }))],
  ['send-code', sendCode],
  ['use-password', askForPassword],
  ['provider', (page) => goToProvider(page, () => askForAddress(page))],
  ['mfa', submitSecondFactor],
  ['passkey', (page) => submitPasskey(page, () => stepOf(page))],
  ['other-factor', chooseFactor],
]);

async function submit(page: PageCall): Promise<PageAnswer> {
  const { email = '', step } = page.form;
  return (steps.get(step) ?? identify)(page, email);
}

/**
 * Continues from the address to the first method of the app that needs an address. The page is the same whether or not
 * the account exists.
 */
async function identify(page: PageCall, email: string): Promise<Content> {
  if (!emailAddress.safeParse(email).success) {
    page.refuse('validation_failed', ['email']);
    return askForAddress(page);
  }
  const first = page.methods.find((method) => method === 'password' || method === 'emailCode');
  if (first === undefined) return askForPasskey(page, email);
  return first === 'password' ? askForPassword(page, email) : sendCode(page, email);
}

export const signInPage = pageRoutes({
  path: 'sign-in',
  name: 'SignIn',
  summary: 'The page to sign in',
  show,
  submit,
});
