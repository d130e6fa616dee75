import { html } from '../http/html.ts';
import type { Content } from '../pages/layout.ts';
import { endInteraction } from '../pages/interaction.ts';
import type { PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';

function askForAddress(page: PageCall): Content {
  const { text } = page;
  const fields = html`${page.field({
    name: 'email',
    label: 'email',
    type: 'email',
    autocomplete: 'username',
    value: page.form['email'],
    isFirst: true,
  })}${page.button('sendMail')}`;
  return page.content(
    'forgotTitle',
    html`<p>${text('forgotLead')}</p>
      ${page.formOf('forgot-password', fields)}
      <p class="after"><a href="${page.href('sign-in')}">${text('signIn')}</a></p>`,
  );
}

/** The form contains the code of a link. Without a link, the person types the code. */
function askForPassword(page: PageCall): Content {
  const { text, form } = page;
  const { email = '', code, notice } = form;
  if (notice === 'sent') page.notice = { text: 'resetSent' };
  const isLink = code !== undefined && form['by'] !== 'typed' && page.problem?.code !== 'code_invalid';
  const typed = page.codeField();
  const fields = html`<p class="who"><bdi>${email}</bdi></p>
    <input type="hidden" name="email" value="${email}" autocomplete="username" />
    ${isLink ? html`<input type="hidden" name="code" value="${code}" />` : typed}
    ${page.field({
      name: 'newPassword',
      label: 'newPassword',
      type: 'password',
      autocomplete: 'new-password',
      hint: 'passwordHint',
    })}${page.button('setPassword')}`;
  return page.content(
    'resetTitle',
    html`${page.formOf('reset-password', fields, isLink ? {} : { by: 'typed' })}
      <p class="after"><a href="${page.href('forgot-password', { email })}">${text('resend')}</a></p>`,
    { values: { email } },
  );
}

async function sendMail(page: PageCall): Promise<PageAnswer> {
  const { email = '' } = page.form;
  const answer = await page.api('POST', 'authentication/users/password/reset-request/email', { body: { email } });
  if (!answer.ok) {
    page.problem = answer.problem;
    return askForAddress(page);
  }
  return { redirect: page.href('reset-password', { email, notice: 'sent' }) };
}

async function setPassword(page: PageCall): Promise<PageAnswer> {
  const { email = '', code = '', newPassword = '' } = page.form;
  const body = { email, verificationCode: code, newPassword };
  const answer = await page.api('PUT', 'authentication/users/password', { body });
  if (answer.ok) {
    endInteraction(page.call, page.app.name);
    return { redirect: page.href('sign-in', { notice: 'password_changed', prompt: 'login' }) };
  }
  page.problem = answer.problem;
  return askForPassword(page);
}

export const passwordResetPages = [
  ...pageRoutes({
    path: 'forgot-password',
    name: 'ForgotPassword',
    summary: 'The page to request a password reset',
    show: askForAddress,
    submit: sendMail,
  }),
  ...pageRoutes({
    path: 'reset-password',
    name: 'ResetPassword',
    summary: 'The page to choose a new password',
    show: (page) =>
      page.form['email'] === undefined ? { redirect: page.href('forgot-password') } : askForPassword(page),
    submit: setPassword,
  }),
];
