import { html } from '../http/html.ts';
import type { Content } from '../pages/layout.ts';
import { endInteraction } from '../pages/interaction.ts';
import type { PageCall } from '../pages/page-call.ts';
import { goalOf, type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { selfOf } from '../pages/self.ts';

/** The target of the link in the mail. Only the button verifies, so that programs that open links change nothing. */
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

function askForCode(page: PageCall, { userId, email }: { userId: string; email: string }): Content {
  const { text } = page;
  const fields = html`${page.codeField()}${page.button('verify')}`;
  return page.content(
    'verifyTitle',
    html`<p>${text('verifyLead', { email })}</p>
      ${page.formOf('verify', fields, { user: userId })}
      ${page.formOf('verify', page.secondButton('resend'), { user: userId, step: 'resend' })}
      <p class="after"><a href="${goalOf(page)}">${text('later')}</a></p>`,
  );
}

async function show(page: PageCall): Promise<PageAnswer> {
  const { code, user, by } = page.form;
  const isLink = code !== undefined && user !== undefined && (!page.isSent || by === 'link');
  if (isLink && !page.problem) return askForLink(page);
  const person = await selfOf(page);
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
  const isMine = (await selfOf(page))?.userId === user;
  // A session claims the account. In another browser, the token of the mail verifies the address.
  if (!isMine && token === undefined) {
    page.refuse('code_invalid');
    return show(page);
  }
  const answer = await page.api('POST', 'authentication/users/email/verification', {
    body: { userId: user, verificationCode: code },
    token: isMine ? undefined : token,
  });
  if (!answer.ok) {
    page.problem =
      answer.problem.code === 'unauthenticated' ? { ...answer.problem, code: 'code_invalid' } : answer.problem;
    return show(page);
  }
  endInteraction(page.call, page.app.name);
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
