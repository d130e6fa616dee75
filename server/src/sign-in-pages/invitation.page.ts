import { html } from '../http/html.ts';
import { emailKey } from '../http/email-address.ts';
import type { Content } from '../pages/layout.ts';
import { endInteraction } from '../pages/interaction.ts';
import type { PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { afterAttempt } from './second-factor.page.ts';
import { selfOf } from '../pages/self.ts';

const hiddenOf = ({ form }: PageCall) => ({
  email: form['email'] ?? '',
  code: form['code'] ?? '',
  org: form['org'] ?? '',
});

/** Whether the signed-in person is the invited person. */
const isInvited = (page: PageCall, current: string | undefined): boolean =>
  current !== undefined && emailKey(current) === emailKey(page.form['email'] ?? '');

/** A person who is signed in accepts without a password. */
function offerAcceptance(page: PageCall): Content {
  const { text } = page;
  const hidden = hiddenOf(page);
  return page.content(
    'invitationTitle',
    html`<p>${text('invitationMineLead', { email: hidden.email })}</p>
      ${page.formOf('invitation', page.button('accept'), { ...hidden, step: 'mine' })}`,
  );
}

function askForPassword(page: PageCall, current: string | undefined): Content {
  const { text, form } = page;
  const hidden = hiddenOf(page);
  const other = text('invitationOther', { email: current ?? '', invited: hidden.email });
  const fields = html`<input type="hidden" name="email" value="${hidden.email}" autocomplete="username" />
    <div class="pair">
      ${page.field({
        name: 'firstName',
        label: 'firstName',
        autocomplete: 'given-name',
        value: form['firstName'],
        isOptional: true,
        isFirst: true,
      })}${page.field({
        name: 'lastName',
        label: 'lastName',
        autocomplete: 'family-name',
        value: form['lastName'],
        isOptional: true,
      })}
    </div>
    ${page.field({
      name: 'newPassword',
      label: 'newPassword',
      type: 'password',
      autocomplete: 'new-password',
      hint: 'passwordHint',
    })}${page.button('accept')}`;
  return page.content(
    'invitationTitle',
    html`<p>${text('invitationLead', { email: hidden.email })}</p>
      ${current === undefined ? html`` : html`<p class="note">${other}</p>`}
      ${page.formOf('invitation', fields, { code: hidden.code, org: hidden.org })}`,
  );
}

/** The page as a preview. */
export const previewOfInvitation = (page: PageCall): Content => askForPassword(page, undefined);

async function show(page: PageCall): Promise<PageAnswer> {
  const { email, code, org } = page.form;
  if (email === undefined || code === undefined || org === undefined) return { redirect: page.href('sign-in') };
  const current = (await selfOf(page))?.email;
  return isInvited(page, current) ? offerAcceptance(page) : askForPassword(page, current);
}

/** The response after an acceptance, which starts a session. Forms that were opened before become invalid. */
function accepted(page: PageCall): PageAnswer {
  endInteraction(page.call, page.app.name);
  return { redirect: page.href('account', { notice: 'accepted' }) };
}

async function submit(page: PageCall): Promise<PageAnswer> {
  const { email = '', code = '', org = '', newPassword = '', firstName, lastName, step } = page.form;
  if (step === 'mine') {
    const body = { orgId: org, verificationCode: code };
    const answer = await page.api('POST', 'authentication/users/me/invitations/accept', { body });
    if (answer.ok) return accepted(page);
    page.problem = answer.problem;
    return show(page);
  }
  const names = { ...(firstName !== undefined && { firstName }), ...(lastName !== undefined && { lastName }) };
  const body = { orgId: org, email, verificationCode: code, newPassword, ...names };
  const answer = await page.api('PUT', 'authentication/users/invite', { body });
  if (answer.ok && page.returnTo === undefined) return accepted(page);
  return afterAttempt(page, answer, async () => askForPassword(page, (await selfOf(page))?.email));
}

export const invitationPage = pageRoutes({
  path: 'invitation',
  isForInvited: true,
  name: 'Invitation',
  summary: 'The page to accept an invitation',
  show,
  submit,
});
