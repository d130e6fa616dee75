import { html } from '../http/html.ts';
import type { Content } from '../pages/layout.ts';
import type { PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { endInteraction } from '../pages/interaction.ts';

function show(page: PageCall): Content {
  const { text, form, app } = page;
  if (!app.settings.signUpEnabled) page.notice = { text: 'signUpDisabled', isAlert: true };
  const { email = '', firstName, lastName } = form;
  const fields = html`<div class="pair">
      ${page.field({
        name: 'firstName',
        label: 'firstName',
        autocomplete: 'given-name',
        value: firstName,
        isFirst: true,
      })}${page.field({ name: 'lastName', label: 'lastName', autocomplete: 'family-name', value: lastName })}
    </div>
    ${page.field({ name: 'email', label: 'email', type: 'email', autocomplete: 'username', value: email })}
    ${page.field({
      name: 'password',
      label: 'password',
      type: 'password',
      autocomplete: 'new-password',
      hint: 'passwordHint',
    })}${page.button('createAccount')}`;
  return page.content(
    'signUp',
    html`${app.settings.signUpEnabled ? page.formOf('sign-up', fields) : html``}
      <p class="after">
        <span class="quiet">${text('hasAccount')}</span> <a href="${page.href('sign-in')}">${text('signIn')}</a>
      </p>`,
    { heading: 'signUpLead' },
  );
}

async function submit(page: PageCall): Promise<PageAnswer> {
  const { firstName = '', lastName = '', email = '', password = '' } = page.form;
  const { language } = page.look;
  const body = { firstName, lastName, email, password, language };
  const answer = await page.api('POST', 'authentication/users', { body });
  if (answer.ok) {
    endInteraction(page.call, page.app.name);
    return { redirect: page.href('verify') };
  }
  page.problem = answer.problem;
  return show(page);
}

export const signUpPage = pageRoutes({
  path: 'sign-up',
  name: 'SignUp',
  summary: 'The page to create an account',
  show,
  submit,
});
