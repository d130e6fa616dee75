import { cookieOf } from '../http/credential.ts';
import { html } from '../http/html.ts';
import { endInteraction } from '../pages/interaction.ts';
import type { Content } from '../pages/layout.ts';
import type { PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';

/** Ends the session of the browser, also a restricted session, which cannot call `users/me`. */
async function signOut(page: PageCall): Promise<PageAnswer> {
  const { request, services } = page.call;
  const { publicUrl } = services.config;
  const token = cookieOf(request, 'session-token', { appName: page.app.name, publicUrl });
  const found = token === undefined ? undefined : await services.credentials.session(page.app.id, token);
  const answer = found && (await page.api('DELETE', `authentication/users/sessions/${found.session.id}`));
  if (answer && !answer.ok && answer.problem.code !== 'unauthenticated') {
    page.problem = answer.problem;
    return page.content('account', page.signOutForm());
  }
  endInteraction(page.call, page.app.name);
  return { redirect: page.href('signed-out') };
}

function signedOut(page: PageCall): Content {
  const { text, form } = page;
  const isDeleted = form['notice'] === 'deleted';
  return page.content(
    'signedOutTitle',
    html`<p>${text(isDeleted ? 'accountDeleted' : 'signedOut')}</p>
      <p><a class="button" href="${page.href('sign-in')}">${text('signInAgain')}</a></p>`,
  );
}

export const signOutPages = [
  ...pageRoutes({ path: 'sign-out', name: 'SignOut', summary: 'The end of the session', submit: signOut }),
  ...pageRoutes({ path: 'signed-out', name: 'SignedOut', summary: 'The page after a sign-out', show: signedOut }),
];
