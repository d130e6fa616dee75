import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from '../apps/apps.store.ts';
import { languageOfBrowser, languages } from '../mail-texts/languages.ts';
import type { Language } from '../mail-texts/words.ts';
import { html, type Html } from '../http/html.ts';
import { notMeLetters } from '../users/not-me-token.ts';
import { type PageWords, pageWords } from './not-me.words.ts';

const style = `
:root { color-scheme: light dark; font: 16px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans",
  "Noto Sans Arabic", sans-serif;
  --text: #1c2024; --quiet: #60646c; --line: #dcdee3; --ground: #f2f3f5; --card: #fff; --accent: #c62a2f; --ink: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --text: #edeef0; --quiet: #a6abb3; --line: #363a3f; --ground: #0b0c0e; --card: #1b1c1f; --accent: #ff9592;
    --ink: #1a0f0f; }
}
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: flex; align-items: center; justify-content: center; padding: 1rem;
  background: var(--ground); color: var(--text); }
main { width: 100%; max-width: 32rem; padding: 2rem 2.25rem; background: var(--card); border: 1px solid var(--line);
  border-top: 4px solid var(--accent); border-radius: .75rem; }
.brand { margin: 0 0 1.25rem; color: var(--quiet); font-weight: 600; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; line-height: 1.3; margin: 0 0 .75rem; }
p { margin: 0 0 1rem; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); font-size: .9rem; }
button { display: block; width: 100%; margin: 1.5rem 0 1rem; padding: .75rem 1.25rem; font: inherit;
  font-weight: 600; color: var(--ink); background: var(--accent); border: 0; border-radius: .5rem; cursor: pointer; }
button:disabled { opacity: .55; cursor: default; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 3px; }
[hidden] { display: none; }
@media (max-width: 30rem) { main { padding: 1.5rem 1.25rem; } }
`;

/** Shows the text for the kind of the link, and sends its token when the button is pressed. */
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
        headers: { 'content-type': 'application/json', 'x-app-name': document.documentElement.dataset.app },
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

const hashOf = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`;

/** Allows one script, one style and requests to this server; the page cannot be framed. */
const policy =
  `default-src 'none'; script-src ${hashOf(script)}; style-src ${hashOf(style)}; connect-src 'self'; ` +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const styleElement: Html = { markup: `<style>${style}</style>` };
const scriptElement: Html = { markup: `<script>${script}</script>` };

/** The preferred language of the browser if the page supports it, otherwise the language of the app. */
export const pageLanguage = ({ headers }: FastifyRequest, { settings }: App): Language =>
  languageOfBrowser(headers['accept-language']) ?? settings.language;

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

function page({ name, displayName, settings }: App, language: Language): Html {
  const words = pageWords[language];
  const brandName = settings.mail.brandName ?? displayName;
  const text = (id: keyof PageWords, className = '') =>
    html`<p id="${id}" class="${className}" hidden>${fill(words[id], brandName)}</p>`;
  return html`<!doctype html>
    <html lang="${language}" dir="${languages[language].direction}" data-app="${name}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <meta name="robots" content="noindex" />
        <title>${words.title}</title>
        ${styleElement}
      </head>
      <body>
        <main aria-live="polite">
          <p class="brand"><bdi>${brandName}</bdi></p>
          <h1 id="title">${words.title}</h1>
          <h1 id="doneTitle" hidden>${words.doneTitle}</h1>
          <noscript><p>${words.noScript}</p></noscript>
          ${kinds.map((id) => text(id))} ${outcomes.map((id) => text(id))}
          <button id="button" type="button" hidden>${words.button}</button>
          ${text('keep', 'quiet')}
        </main>
        ${scriptElement}
      </body>
    </html>`;
}

/** Sends the page. Its link contains a token, so caches and other sites must not see it. */
export async function sendNotMePage(reply: FastifyReply, app: App, language: Language): Promise<void> {
  reply.headers({
    'content-security-policy': policy,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-robots-tag': 'noindex',
    vary: 'Origin, Accept-Language',
  });
  await reply.type('text/html; charset=utf-8').send(page(app, language).markup);
}
