import { z } from 'zod';
import { html, type Html } from '../http/html.ts';
import { timeInWords } from '../mail-texts/languages.ts';
import { confirmAgain, confirmThen, isConfirmation, needsConfirmation } from '../pages/confirm-again.ts';
import { checkboxes, checkedOf, selectField } from '../pages/fields.ts';
import { framed } from '../pages/framed.ts';
import type { Notices, PageCall } from '../pages/page-call.ts';
import { type PageAnswer, pageRoutes } from '../pages/page-route.ts';
import { refusedSession } from '../pages/refused-session.ts';

const path = 'account/api-keys';
const url = 'authentication/users/me/api-keys';

const keyList = z.looseObject({
  apiKeys: z.array(
    z.looseObject({
      id: z.string(),
      organizationId: z.string(),
      name: z.string(),
      lastCharacters: z.string(),
      expiresAt: z.string().nullable(),
      lastUsedAt: z.string().nullable(),
    }),
  ),
});
type ApiKey = z.output<typeof keyList>['apiKeys'][number];

const self = z.looseObject({
  organizations: z.array(z.looseObject({ id: z.string(), name: z.string(), roles: z.array(z.string()) })),
});
type Membership = z.output<typeof self>['organizations'][number];

const notices: Notices = new Map([['revoked', { text: 'keyRevoked' }]]);

const days = ['30', '90', '365'];
const millisecondsOfDay = 86_400_000;

function keyItem(page: PageCall, memberships: readonly Membership[], key: ApiKey): Html {
  const { text, look } = page;
  const at = (time: string) => timeInWords(time, look.language);
  const organization = memberships.find(({ id }) => id === key.organizationId)?.name ?? key.organizationId;
  const used = key.lastUsedAt === null ? text('neverUsed') : text('lastSeen', { time: at(key.lastUsedAt) });
  const until = key.expiresAt === null ? text('neverExpires') : text('validUntil', { time: at(key.expiresAt) });
  const label = text.plain('revokeKey', { name: key.name });
  const button = html`<button class="second" aria-label="${label}">${text('revoke')}</button>`;
  return html`<li>
    <div>
      <strong><bdi>${key.name}</bdi></strong> <code dir="ltr">…${key.lastCharacters}</code><br />
      <span class="quiet"><bdi>${organization}</bdi> · ${until} · ${used}</span>
    </div>
    ${page.formOf(path, button, { step: 'revoke', key: key.id })}
  </li>`;
}

/** The form for a key of the chosen organization, with the roles that the person has there. */
function newKeyForm(page: PageCall, { id, roles }: Membership): Html {
  const { text, form } = page;
  const boxes = roles.map((role) => ({
    value: role,
    label: html`<bdi>${role}</bdi>`,
    isChecked: page.isSent ? checkedOf(page, 'role', roles).includes(role) : true,
  }));
  const lifetimes = [
    ...days.map((value) => ({ value, label: text('forDays', { days: value }) })),
    { value: 'never', label: text('neverExpires') },
  ];
  const fields = html`${page.field({ name: 'name', label: 'keyName', autocomplete: 'off', value: form['name'] })}
  ${checkboxes(page, 'role', 'roles', boxes)}
  ${selectField(page, { name: 'days', label: 'keyLifetime', options: lifetimes, value: form['days'] ?? '90' })}
  ${page.button('createKey')}`;
  return page.formOf(path, fields, { step: 'create', org: id });
}

function newKeyOf(page: PageCall, memberships: readonly Membership[]): Html {
  const { text, form } = page;
  const usable = memberships.filter(({ roles }) => roles.length > 0);
  const chosen = usable.find(({ id }) => id === form['org']);
  const links = usable.map(
    ({ id, name }) =>
      html`<li>
        <div><bdi>${name}</bdi></div>
        <a href="${page.href(path, { org: id })}" aria-label="${text.plain('keyFor', { name })}"
          >${text('createKey')}</a
        >
      </li>`,
  );
  const list = html`<ul>
    ${links}
  </ul>`;
  const offered = usable.length > 0 ? list : html`<p class="quiet">${text('noKeyPossible')}</p>`;
  return html`<section aria-labelledby="new-key">
    <h2 id="new-key">${chosen ? text('keyFor', { name: chosen.name }) : text('createKey')}</h2>
    ${chosen ? newKeyForm(page, chosen) : offered}
  </section>`;
}

async function show(page: PageCall): Promise<PageAnswer> {
  const { text, form } = page;
  const query = { includeOrganizations: 'true' };
  const [me, list] = await Promise.all([
    page.api('GET', 'authentication/users/me', { query }),
    page.api('GET', url, { query: { pageSize: '100' } }),
  ]);
  if (!me.ok) return refusedSession(page, me.problem);
  if (!list.ok) return refusedSession(page, list.problem);
  const memberships = self.parse(me.body).organizations;
  const { apiKeys } = keyList.parse(list.body);
  page.readNotice(notices);
  const { org } = form;
  const again = needsConfirmation(page) ? await confirmAgain(page, path, org === undefined ? {} : { org }) : html``;
  const items = html`<ul>
    ${apiKeys.map((key) => keyItem(page, memberships, key))}
  </ul>`;
  const body = html`<p class="quiet">${text('keysLead')}</p>
    ${again}
    <section aria-label="${text.plain('apiKeys')}">
      ${apiKeys.length > 0 ? items : html`<p class="quiet">${text('noKeys')}</p>`}
    </section>
    ${newKeyOf(page, memberships)}`;
  return framed(page, 'apiKeys', body);
}

const made = z.looseObject({ key: z.string() });

async function create(page: PageCall): Promise<PageAnswer> {
  const { org: organizationId, name, days: lifetime = '' } = page.form;
  const roles = Object.keys(page.form).flatMap((field) => (field.startsWith('role_') ? [field.slice(5)] : []));
  const end = page.call.services.clock.now().getTime() + Number(lifetime) * millisecondsOfDay;
  const limit = days.includes(lifetime) ? { expiresAt: new Date(end).toISOString() } : {};
  const answer = await page.api('POST', url, { body: { organizationId, name, roles, ...limit } });
  if (!answer.ok) {
    page.problem = answer.problem;
    return show(page);
  }
  const body = html`<p>${page.text('keyShownOnce')}</p>
    <pre class="codes" dir="ltr">${made.parse(answer.body).key}</pre>
    <p><a class="button" href="${page.href(path)}">${page.text('keyStored')}</a></p>`;
  return framed(page, 'apiKeys', body);
}

async function revoke(page: PageCall): Promise<PageAnswer> {
  const answer = await page.api('DELETE', `${url}/${encodeURIComponent(page.form['key'] ?? '')}`);
  if (answer.ok) return { redirect: page.href(path, { notice: 'revoked' }) };
  page.problem = answer.problem;
  return show(page);
}

async function submit(page: PageCall): Promise<PageAnswer> {
  if (isConfirmation(page)) return confirmThen(page, show);
  return page.form['step'] === 'revoke' ? revoke(page) : create(page);
}

export const apiKeysPage = pageRoutes({
  path,
  name: 'ApiKeys',
  summary: 'The personal API keys',
  show,
  submit,
});
