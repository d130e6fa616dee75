import { publicAccess } from '../access/access.ts';
import { findBrandedApp } from '../branding/branding.store.ts';
import { route } from '../calls/route.ts';
import { anyQuery } from '../http/any-query.ts';
import { ApiError } from '../http/errors.ts';
import { html, type Html } from '../http/html.ts';
import { languageOfBrowser } from '../mail-texts/languages.ts';
import { pageParams } from '../not-me/not-me.schema.ts';
import { type PageWords, pageWords } from '../not-me/not-me.words.ts';
import { type Content, lookOf, type PageLook, sendContent } from '../pages/layout.ts';
import { notMeLetters } from '../users/not-me-token.ts';

/** Shows the text for the kind of the link, and sends the token of the link when the button is pressed. */
const script = `
(() => {
  const element = (id) => document.getElementById(id);
  const show = (...ids) => {
    for (const part of document.querySelectorAll('main [id]')) part.hidden = !ids.includes(part.id);
  };
  const kinds = new Map(${JSON.stringify(Object.entries(notMeLetters).map(([kind, letter]) => [letter, kind]))});
  const token = () => location.hash.slice(1);
  const kind = () => (/^gh_n_[a-z][\\w-]{60,400}$/.test(token()) ? kinds.get(token()[5]) : undefined);
  const begin = () => (kind() ? show('title', kind(), 'button', 'keep') : show('title', 'incomplete'));
  const done = {
    account: 'doneAccount',
    factors: 'doneFactors',
    factor_reset: 'doneFactorReset',
    security_policy: 'donePolicy',
  };
  const failures = { 400: ['invalid'], 429: ['later', 'button'] };
  element('button').addEventListener('click', async () => {
    const button = element('button');
    button.disabled = true;
    try {
      const response = await fetch('/v1/authentication/users/email/verification/rejection', {
        method: 'POST',
        credentials: 'omit',
        headers: { 'content-type': 'application/json', 'x-app-name': element('title').dataset.app },
        body: JSON.stringify({ token: token() }),
      });
      if (response.ok) show('doneTitle', done[kind()] ?? 'doneOther');
      else show('title', ...(failures[response.status] ?? ['failed', 'button']));
    } catch {
      show('title', 'failed', 'button');
    }
    button.disabled = false;
  });
  addEventListener('hashchange', begin);
  begin();
})();
`;

/** Inserts the name of the app, isolated if its writing direction differs. */
function fill(text: string, brandName: string): Html {
  const pieces = text.split('{{brandName}}').map((piece, index) => {
    return index === 0 ? html`${piece}` : html`<bdi>${brandName}</bdi>${piece}`;
  });
  return html`${pieces}`;
}

const outcomes = [
  'doneAccount',
  'doneOther',
  'doneFactors',
  'doneFactorReset',
  'donePolicy',
  'incomplete',
  'invalid',
  'later',
  'failed',
] as const satisfies (keyof PageWords)[];
const kinds = Object.keys(notMeLetters) as (keyof typeof notMeLetters)[];

function contentOf(look: PageLook, appName: string): Content {
  const words = pageWords[look.language];
  const text = (id: keyof PageWords, className = '') =>
    html`<p id="${id}" class="${className}" hidden>${fill(words[id], look.brandName)}</p>`;
  const body = html`<div aria-live="polite">
    <h1 id="title" data-app="${appName}">${words.title}</h1>
    <h1 id="doneTitle" hidden>${words.doneTitle}</h1>
    <noscript><p>${words.noScript}</p></noscript>
    ${kinds.map((id) => text(id))} ${outcomes.map((id) => text(id))}
    <button id="button" type="button" hidden>${words.button}</button>
    ${text('keep', 'hint')}
  </div>`;
  return { title: words.title, body, ownScript: script };
}

/** The target of the links in mails, also of apps without hosted pages. Its script reads the token in the fragment. */
export const notMePage = route({
  method: 'GET',
  url: '/apps/:app/not-me',
  operationId: 'showNotMePage',
  tag: 'platform',
  summary: 'The page of "not me" links',
  description: 'The target of the links in mails. The page changes nothing; its button does.',
  access: publicAccess({ app: 'none' }),
  hidden: true,
  params: pageParams,
  query: anyQuery,
  response: { status: 200, description: 'The page.' },
  errors: ['app_not_found'],
  handler: async ({ services, params, request, reply }) => {
    const branded = await findBrandedApp(services.db, params.app);
    if (!branded) throw new ApiError('app_not_found');
    const { app } = branded;
    const language = languageOfBrowser(request.headers['accept-language']) ?? app.settings.language;
    const look = lookOf({ ...branded, organization: undefined }, language);
    await sendContent(reply, look, contentOf(look, app.name));
  },
});
