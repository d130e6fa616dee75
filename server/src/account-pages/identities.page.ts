import { z } from 'zod';
import { html, type Html } from '../http/html.ts';
import { timeInWords } from '../mail-texts/languages.ts';
import { confirmAgain, confirmThen, isConfirmation, needsConfirmation } from '../pages/confirm-again.ts';
import { framed } from '../pages/framed.ts';
import type { Notices, PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { refusedSession } from '../pages/refused-session.ts';

const path = 'account/identities';
const url = 'authentication/users/me/identities';

const identityList = z.looseObject({
  identities: z.array(
    z.looseObject({ id: z.string(), name: z.string(), email: z.string().nullable(), createdAt: z.string() }),
  ),
});
type Identity = z.output<typeof identityList>['identities'][number];

const notices: Notices = new Map([['unlinked', { text: 'identityUnlinked' }]]);

function identityItem(page: PageCall, { id, name, email, createdAt }: Identity): Html {
  const { text, look } = page;
  const since = text('linkedAt', { time: timeInWords(createdAt, look.language) });
  const label = text.plain('unlinkNamed', { name });
  const button = html`<button class="second" aria-label="${label}">${text('unlink')}</button>`;
  return html`<li>
    <div>
      <strong><bdi>${name}</bdi></strong
      ><br />
      <span class="quiet"><bdi>${email ?? ''}</bdi> · ${since}</span>
    </div>
    ${page.formOf(path, button, { step: 'unlink', identity: id })}
  </li>`;
}

async function show(page: PageCall): Promise<PageAnswer> {
  const { text } = page;
  const list = await page.api('GET', url);
  if (!list.ok) return refusedSession(page, list.problem);
  const { identities } = identityList.parse(list.body);
  page.readNotice(notices);
  const again = needsConfirmation(page) ? await confirmAgain(page, path) : html``;
  const items = html`<ul>
    ${identities.map((identity) => identityItem(page, identity))}
  </ul>`;
  const body = html`<p class="quiet">${text('identitiesLead')}</p>
    ${again}
    <section aria-label="${text.plain('identitiesTitle')}">
      ${identities.length > 0 ? items : html`<p class="quiet">${text('noIdentities')}</p>`}
    </section>`;
  return framed(page, 'identitiesTitle', body);
}

async function submit(page: PageCall): Promise<PageAnswer> {
  if (isConfirmation(page)) return confirmThen(page, show);
  const answer = await page.api('DELETE', `${url}/${encodeURIComponent(page.form['identity'] ?? '')}`);
  if (answer.ok) return { redirect: page.href(path, { notice: 'unlinked' }) };
  page.problem = answer.problem;
  return show(page);
}

export const identitiesPage = pageRoutes({
  path,
  name: 'Identities',
  summary: 'The linked accounts at identity providers',
  show,
  submit,
});
