import { html } from '../http/html.ts';
import { confirmAgain, confirmThen, isConfirmation, needsConfirmation } from '../pages/confirm-again.ts';
import { framed } from '../pages/framed.ts';
import { endInteraction } from '../pages/interaction.ts';
import type { PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { refusedSession } from '../pages/refused-session.ts';

const path = 'account/data';
const me = 'authentication/users/me';

async function show(page: PageCall): Promise<PageAnswer> {
  const { text } = page;
  const self = await page.api('GET', me);
  if (!self.ok) return refusedSession(page, self.problem);
  const again = needsConfirmation(page) ? await confirmAgain(page, path) : html``;
  const sure = html`<label class="check">
      <input type="checkbox" name="sure" value="on" required /> <span>${text('deletionSure')}</span>
    </label>
    ${page.secondButton('deleteAccount')}`;
  const body = html`${again}
    <section aria-labelledby="export">
      <h2 id="export">${text('exportTitle')}</h2>
      <p>${text('exportLead')}</p>
      ${page.formOf(path, page.secondButton('download'), { step: 'export' })}
    </section>
    <section aria-labelledby="deletion">
      <h2 id="deletion">${text('deleteAccount')}</h2>
      <p>${text('deletionLead')}</p>
      ${page.formOf(path, sure, { step: 'delete' })}
    </section>`;
  return framed(page, 'dataTitle', body);
}

async function download(page: PageCall): Promise<PageAnswer> {
  const answer = await page.api('GET', `${me}/export`);
  if (answer.ok) return { fileName: `${page.app.name}-account.json`, json: answer.body };
  page.problem = answer.problem;
  return show(page);
}

async function erase(page: PageCall): Promise<PageAnswer> {
  if (page.form['sure'] === undefined) {
    page.notice = { text: 'deletionNotSure', isAlert: true };
    return show(page);
  }
  const answer = await page.api('DELETE', me, { body: {} });
  if (!answer.ok) {
    page.problem = answer.problem;
    return show(page);
  }
  endInteraction(page.call, page.app.name);
  return { redirect: page.href('signed-out', { notice: 'deleted' }) };
}

async function submit(page: PageCall): Promise<PageAnswer> {
  if (isConfirmation(page)) return confirmThen(page, show);
  return page.form['step'] === 'delete' ? erase(page) : download(page);
}

export const dataPage = pageRoutes({
  path,
  name: 'AccountData',
  summary: 'The page to export the caller’s data, and to delete the account',
  show,
  submit,
});
