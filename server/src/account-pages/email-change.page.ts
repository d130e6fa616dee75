import { z } from 'zod';
import { html } from '../http/html.ts';
import { confirmAgain, confirmThen, isConfirmable, isConfirmation, needsConfirmation } from '../pages/confirm-again.ts';
import { framed } from '../pages/framed.ts';
import { endInteraction } from '../pages/interaction.ts';
import type { PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { refusedSession } from '../pages/refused-session.ts';
import { selfOf } from '../pages/self.ts';

const path = 'account/email';
const url = 'authentication/users/me/email';

const self = z.looseObject({ email: z.string() });

/** Asks for the code that was sent to the new address. */
function askForCode(page: PageCall): PageAnswer {
  const { newEmail = '' } = page.form;
  const { text } = page;
  const fields = html`${page.codeField('mailedFactorHint')}${page.button('changeAddress')}`;
  const body = html`<p>${text('codeSentTo', { email: newEmail })}</p>
    <section>${page.formOf(path, fields, { step: 'code', newEmail })}</section>
    <p><a href="${page.href(path)}">${text('startAgain')}</a></p>`;
  return framed(page, 'emailTitle', body);
}

async function show(page: PageCall): Promise<PageAnswer> {
  const { text, form, problem } = page;
  const me = await page.api('GET', 'authentication/users/me');
  if (!me.ok) return refusedSession(page, me.problem);
  if (form['step'] === 'code' && form['newEmail'] !== undefined && !isConfirmable(problem)) return askForCode(page);
  const { newEmail } = form;
  const hidden = newEmail === undefined ? {} : { newEmail };
  const again = needsConfirmation(page) ? await confirmAgain(page, path, hidden) : html``;
  const fields = html`${page.field({
    name: 'newEmail',
    label: 'newEmail',
    type: 'email',
    autocomplete: 'email',
    value: newEmail,
    isFirst: true,
  })}${page.button('continue')}`;
  const body = html`<p>${text('emailLead', { email: self.parse(me.body).email })}</p>
    ${again}
    <section>${page.formOf(path, fields, { step: 'request' })}</section>`;
  return framed(page, 'emailTitle', body);
}

async function request(page: PageCall): Promise<PageAnswer> {
  const { newEmail } = page.form;
  const answer = await page.api('POST', url, { body: { newEmail } });
  if (answer.ok) return askForCode(page);
  page.problem = answer.problem;
  return show(page);
}

async function change(page: PageCall): Promise<PageAnswer> {
  const answer = await page.api('PUT', url, { body: { verificationCode: page.form['code'] ?? '' } });
  if (answer.ok) {
    endInteraction(page.call, page.app.name);
    return { redirect: page.href('account', { notice: 'email' }) };
  }
  page.problem = answer.problem;
  return show(page);
}

async function submit(page: PageCall): Promise<PageAnswer> {
  if (isConfirmation(page)) return confirmThen(page, show);
  if (!(await selfOf(page))) return show(page);
  return page.form['step'] === 'code' ? change(page) : request(page);
}

export const emailChangePage = pageRoutes({
  path,
  name: 'EmailChange',
  summary: 'The page to change the caller’s e-mail address',
  show,
  submit,
});
