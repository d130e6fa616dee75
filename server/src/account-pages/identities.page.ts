import { z } from 'zod';
import { cookieOf } from '../http/credential.ts';
import { html, type Html } from '../http/html.ts';
import { timeInWords } from '../mail-texts/languages.ts';
import { confirmAgain, confirmed, isConfirmation, needsConfirmation } from '../pages/confirm-again.ts';
import { framed } from '../pages/framed.ts';
import { endInteraction } from '../pages/interaction.ts';
import type { Notices, PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { refusedSession } from '../pages/refused-session.ts';
import { selfOf } from '../pages/self.ts';
import { goToProvider, type ProviderVisit, resultOf, usableProviders } from '../sign-in-pages/provider.page.ts';

const path = 'account/identities';
const linkPath = 'account/identities/link';
const url = 'authentication/users/me/identities';

const identityList = z.looseObject({
  identities: z.array(
    z.looseObject({ id: z.string(), name: z.string(), email: z.string().nullable(), createdAt: z.string() }),
  ),
});
type Identity = z.output<typeof identityList>['identities'][number];

const notices: Notices = new Map([
  ['linked', { text: 'identityLinked' }],
  ['unlinked', { text: 'identityUnlinked' }],
  ['provider_failed', { text: 'linkFailed', isAlert: true }],
]);

/** The purpose names the person: otherwise, somebody who signs in with the same browser could get the identity. */
const visitOf = (userId: string): ProviderVisit => ({
  purpose: `link ${userId}`,
  successPage: linkPath,
  failurePage: path,
});

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
  const { intentId, intentToken } = page.form;
  const result = intentId === undefined || intentToken === undefined ? {} : { intentId, intentToken };
  const again = needsConfirmation(page) ? await confirmAgain(page, path, result) : html``;
  const buttons = (await usableProviders(page)).map((provider) =>
    page.formOf(path, page.secondButton('linkAccount', { provider: provider.name }), {
      step: 'link',
      provider: provider.id,
    }),
  );
  const items = html`<ul>
    ${identities.map((identity) => identityItem(page, identity))}
  </ul>`;
  const body = html`<p class="quiet">${text('identitiesLead')}</p>
    ${again}
    <section aria-label="${text.plain('identitiesTitle')}">
      ${identities.length > 0 ? items : html`<p class="quiet">${text('noIdentities')}</p>`}
    </section>
    ${buttons.length > 0 ? html`<section>${buttons}</section>` : html``}`;
  return framed(page, 'identitiesTitle', body);
}

/**
 * Links the identity with which the browser comes back. The API takes the session from a header only, so that no other
 * site can link an identity; here, the result belongs to this browser and this person.
 */
async function link(page: PageCall): Promise<PageAnswer> {
  const self = await selfOf(page);
  if (!self) return show(page);
  const { call, app } = page;
  const body = resultOf(page, visitOf(self.userId));
  const { publicUrl } = call.services.config;
  const token = cookieOf(call.request, 'session-token', { appName: app.name, publicUrl });
  const answer = body && (await page.api('POST', 'authentication/idp/intents/validate', { body, token }));
  if (answer?.ok) {
    endInteraction(call, app.name);
    return { redirect: page.href(path, { notice: 'linked' }) };
  }
  if (answer) page.problem = answer.problem;
  else page.refuse('intent_invalid');
  // The general text for this code is about sign-in, not about linking.
  if (page.problem?.code === 'intent_invalid') page.problem = { ...page.problem, text: 'linkFailed' };
  return show(page);
}

async function submit(page: PageCall): Promise<PageAnswer> {
  if (isConfirmation(page)) {
    if (!(await confirmed(page))) return show(page);
    if (page.form['intentId'] !== undefined) return link(page);
    page.notice = { text: 'confirmedAgain' };
    return show(page);
  }
  if (page.form['step'] === 'link') {
    const self = await selfOf(page);
    return self ? goToProvider(page, () => show(page), visitOf(self.userId)) : show(page);
  }
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

export const linkPage = pageRoutes({
  path: linkPath,
  name: 'LinkIdentity',
  summary: 'The target of the return from a provider whose account is linked',
  show: link,
  changesState: true,
  redirects: true,
  errors: ['intent_invalid'],
});
