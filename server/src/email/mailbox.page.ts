import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { html, type Html } from '../http/html.ts';
import type { Mail } from './mailbox.schema.ts';

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif;
  --page: #fff; --text: #1c2024; --quiet: #60646c; --line: #dcdee3; --fill: #f5f6f8; --chosen: #e8f0fe;
    --accent: #1f5fd0; --ink: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --page: #121314; --text: #edeef0; --quiet: #a6abb3; --line: #363a3f; --fill: #1b1c1f;
    --chosen: #22304a; --accent: #8ab4ff; --ink: #10131a; }
}
* { box-sizing: border-box; }
body { margin: 0; color: var(--text); background: var(--page); min-height: 100vh;
  display: flex; flex-direction: column; }
header { display: flex; flex-wrap: wrap; gap: .5rem 1.5rem; align-items: center; padding: .75rem 1.25rem;
  border-bottom: 1px solid var(--line); }
h1 { font-size: 1.1rem; margin: 0; }
h2 { font-size: 1.3rem; line-height: 1.3; margin: 0 0 .25rem; overflow-wrap: anywhere; }
.quiet { color: var(--quiet); font-size: .87rem; }
form { margin-left: auto; display: flex; gap: .4rem; flex: 0 1 26rem; }
input { flex: 1; min-width: 0; padding: .4rem .65rem; font: inherit; color: inherit; background: transparent;
  border: 1px solid var(--line); border-radius: .4rem; }
button, .button { padding: .4rem .9rem; font: inherit; font-weight: 600; color: var(--ink);
  background: var(--accent); border: 0; border-radius: .4rem; text-decoration: none; display: inline-block; }
form a { align-self: center; color: var(--quiet); font-size: .87rem; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.panes { flex: 1; display: grid; grid-template-columns: minmax(16rem, 24rem) minmax(0, 1fr); }
nav { border-right: 1px solid var(--line); background: var(--fill); max-height: calc(100vh - 3.6rem);
  overflow-y: auto; position: sticky; top: 0; }
nav ol { list-style: none; margin: 0; padding: 0; }
nav a { display: block; padding: .65rem 1.25rem; border-bottom: 1px solid var(--line); color: inherit;
  text-decoration: none; overflow-wrap: anywhere; }
nav a:hover { background: var(--chosen); }
nav a[aria-current] { background: var(--chosen); box-shadow: inset 3px 0 var(--accent); }
nav strong { display: block; font-weight: 600; line-height: 1.35; }
nav code { float: right; margin-left: .75rem; font: 600 .87rem/1.6 ui-monospace, monospace; letter-spacing: .05em; }
main { padding: 1.25rem 1.75rem 2rem; display: flex; flex-direction: column; gap: 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem .9rem; margin: 0; font-size: .93rem; }
dt { color: var(--quiet); } dd { margin: 0; overflow-wrap: anywhere; }
.use { display: flex; flex-wrap: wrap; gap: .75rem 1.25rem; align-items: center; padding: .8rem 1rem;
  border: 1px solid var(--line); border-radius: .6rem; background: var(--fill); }
.code { font: 700 1.7rem/1.2 ui-monospace, monospace; letter-spacing: .15em; user-select: all; }
.use a:not(.button) { color: inherit; font-size: .87rem; overflow-wrap: anywhere; flex: 1 1 16rem; }
iframe { width: 100%; height: 44rem; border: 1px solid var(--line); border-radius: .6rem; background: #fff; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: .9rem/1.5 ui-monospace, monospace; margin: .5rem 0 0;
  padding: 1rem; border: 1px solid var(--line); border-radius: .6rem; }
summary { cursor: pointer; }
.none { padding: 4rem 1.25rem; text-align: center; grid-column: 1 / -1; }
@media (max-width: 50rem) { .panes { display: block; } nav { max-height: 18rem; border-right: 0; position: static; }
  main { padding: 1.25rem; } }
`;
const styleElement: Html = { markup: `<style>${style}</style>` };
const styleHash = createHash('sha256').update(style).digest('base64');

/** No scripts, one style, no external content; only the page of a mail may be framed. */
const pagePolicy =
  `default-src 'none'; style-src 'sha256-${styleHash}'; frame-src 'self'; img-src data:; ` +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/**
 * A mail has its own styles and possibly a logo. It runs no scripts, has an opaque origin, and can be framed only by
 * the mailbox. Its links open new windows.
 */
const mailPolicy =
  "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; base-uri 'none'; form-action 'none'; " +
  "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox";

/** Query of the page. */
interface Asked {
  readonly to: string | undefined;
  readonly id: string | undefined;
}

const address = (query: Readonly<Record<string, string | undefined>>): string => {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return `/dev/mailbox?${new URLSearchParams(given).toString()}`;
};

const minute = (time: string): string => time.slice(0, 16).replace('T', ' ');
/** A mail keeps its writing direction, also in the list. */
const subjectOf = ({ subject }: Mail): Html => html`<bdi>${subject}</bdi>`;

function listItem(mail: Mail, chosen: Mail, { to }: Asked): Html {
  const code = mail.code === undefined ? html`` : html`<code>${mail.code}</code>`;
  const current = mail === chosen ? html` aria-current="true"` : html``;
  return html`<li>
    <a href="${address({ to, id: mail.id })}" ${current}>
      ${code}<strong>${subjectOf(mail)}</strong>
      <span class="quiet">${mail.to}<br />${minute(mail.createdAt)} UTC</span>
    </a>
  </li>`;
}

/** The code and the links of a mail. */
function useOf({ code, url }: Mail): Html {
  if (code === undefined && url === undefined) return html``;
  const link =
    url === undefined
      ? html``
      : html`<a class="button" href="${url}" target="_blank" rel="noopener noreferrer">Open the link</a
          ><a href="${url}" target="_blank" rel="noopener noreferrer">${url}</a>`;
  return html`<div class="use">
    ${code === undefined ? html`` : html`<span class="code" title="The code">${code}</span>`}${link}
  </div>`;
}

function preview(mail: Mail): Html {
  return html`<main>
    <div>
      <h2>${subjectOf(mail)}</h2>
      <dl>
        <dt>To</dt>
        <dd>${mail.to}</dd>
        <dt>From</dt>
        <dd>${mail.from}</dd>
        <dt>Queued</dt>
        <dd>${minute(mail.createdAt)} UTC</dd>
        <dt>Purpose</dt>
        <dd>${mail.purpose}</dd>
      </dl>
    </div>
    ${useOf(mail)}
    <iframe
      title="The mail as HTML"
      sandbox="allow-popups allow-popups-to-escape-sandbox"
      src="${address({ id: mail.id, show: 'html' })}"
    ></iframe>
    <details>
      <summary>As plain text</summary>
      <pre dir="auto">${mail.text}</pre>
    </details>
  </main>`;
}

function panes(mails: readonly Mail[], asked: Asked): Html {
  const chosen = mails.find(({ id }) => id === asked.id) ?? mails[0];
  if (!chosen) {
    const nothing = asked.to === undefined ? 'No mail yet.' : `No mail to ${asked.to} yet.`;
    return html`<p class="none">${nothing} <a href="">Look again</a></p>`;
  }
  return html`<nav aria-label="Mails">
      <ol>
        ${mails.map((mail) => listItem(mail, chosen, asked))}
      </ol>
    </nav>
    ${preview(chosen)}`;
}

function send(reply: FastifyReply, policy: string, markup: string): void {
  void reply.header('content-security-policy', policy).type('text/html; charset=utf-8').serializer(String).send(markup);
}

/** Sends the mailbox as a page: the list of mails, and the selected mail beside it. */
export function mailboxPage(reply: FastifyReply, mails: readonly Mail[], asked: Asked): void {
  const all = asked.to === undefined ? html`` : html`<a href="/dev/mailbox">All mails</a>`;
  const { markup } = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <link rel="icon" href="data:," />
        <title>Development mailbox</title>
        ${styleElement}
      </head>
      <body>
        <header>
          <div>
            <h1>Development mailbox</h1>
            <span class="quiet">Mails stay here while no mail server is configured.</span>
          </div>
          <form>
            <input name="to" aria-label="Address" placeholder="Only mails to this address" value="${asked.to ?? ''}" />
            <button>Show</button>${all}
          </form>
        </header>
        <div class="panes">${panes(mails, asked)}</div>
      </body>
    </html> `;
  send(reply, pagePolicy, markup);
}

/** Sends a mail as its recipient would see it. */
export function mailPage(reply: FastifyReply, { html: markup }: Mail): void {
  send(reply, mailPolicy, markup);
}
