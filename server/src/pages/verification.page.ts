import { z } from 'zod';
import { html } from '../http/html.ts';
import type { Content } from './layout.ts';
import type { PageCall } from './page-call.ts';
import { goalOf, type PageAnswer, pageRoutes } from './page-route.ts';

const self = z.looseObject({ userId: z.string(), email: z.string() });

async function whoIsHere(page: PageCall): Promise<z.output<typeof self> | undefined> {
  const answer = await page.api('GET', 'authentication/users/me');
  return answer.ok ? self.parse(answer.body) : undefined;
}

/** The target of the link in the mail. The button verifies, so that programs that open links change nothing. */
function askForLink(page: PageCall): Content {
  const { text, form } = page;
  const { user = '', code = '', token = '' } = form;
  const hidden = { user, code, by: 'link', ...(token !== '' && { token }) };
  return page.content(
    'verifyTitle',
    html`<p>${text('verifyLinkLead')}</p>
      ${page.formOf('verify', page.button('verify'), hidden)}`,
  );
}

function askForCode(page: PageCall, { userId, email }: z.output<typeof self>): Content {
  const { text } = page;
  const fields = html`${page.codeField()}${page.button('verify')}`;
  const later = goalOf(page);
  return page.content(
    'verifyTitle',
    html`<p>${text('verifyLead', { email })}</p>
      ${page.formOf('verify', fields, { user: userId })}
      ${page.formOf('verify', page.secondButton('resend'), { user: userId, step: 'resend' })}
      <p class="after"><a href="${later}">${text('later')}</a></p>`,
  );
}

async function show(page: PageCall): Promise<PageAnswer> {
  const { code, user, by } = page.form;
  if (code !== undefined && user !== undefined && (by === 'link' || by === undefined) && !page.problem) {
    return askForLink(page);
  }
  const person = await whoIsHere(page);
  if (person) return askForCode(page, person);
  return page.problem ? askForLink(page) : { redirect: page.href('sign-in') };
}

async function submit(page: PageCall): Promise<PageAnswer> {
  const { user = '', code = '', token, step } = page.form;
  if (step === 'resend') {
    const sent = await page.api('POST', 'authentication/users/email/verification-request', { body: { userId: user } });
    if (sent.ok) page.notice = { text: 'resent' };
    else page.problem = sent.problem;
    return show(page);
  }
  const person = await whoIsHere(page);
  const isMine = person?.userId === user;
  // A session claims the account. In another browser, the token of the mail verifies the address.
  const answer = await page.api('POST', 'authentication/users/email/verification', {
    body: { userId: user, verificationCode: code },
    token: isMine ? undefined : (token ?? 'none'),
  });
  if (!answer.ok) {
    page.problem =
      answer.problem.code === 'unauthenticated' ? { ...answer.problem, code: 'code_invalid' } : answer.problem;
    return show(page);
  }
  if (!isMine) return { redirect: page.href('sign-in', { notice: 'verified' }) };
  return {
    redirect: page.returnTo === undefined ? page.href('account', { notice: 'verified' }) : page.href('continue'),
  };
}

export const verificationPage = pageRoutes({
  path: 'verify',
  name: 'Verification',
  summary: 'The page to verify an address',
  show,
  submit,
});
