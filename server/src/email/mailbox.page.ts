import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import type { Mail } from './mailbox.schema.ts';
import { escapeHtml } from './render.ts';

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin-bottom: .25rem; }
form { margin: 1rem 0 1.5rem; display: flex; gap: .5rem; }
input { flex: 1; padding: .4rem .6rem; font: inherit; }
button { padding: .4rem .9rem; font: inherit; }
article { border: 1px solid #8886; border-radius: .5rem; padding: 1rem 1.25rem; margin: 0 0 1rem; }
h2 { font-size: 1.05rem; margin: 0; }
.meta { color: #777; font-size: .875rem; margin: .1rem 0 .75rem; overflow-wrap: anywhere; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; margin: 0; }
.code { font: 700 1.4rem ui-monospace, monospace; letter-spacing: .15em; display: block; margin: .75rem 0; }
`;
const styleHash = createHash('sha256').update(style).digest('base64');

function article(mail: Mail): string {
  const code = mail.code === undefined ? '' : `<span class="code">${escapeHtml(mail.code)}</span>`;
  const link = mail.url === undefined ? '' : `<p><a href="${escapeHtml(mail.url)}">${escapeHtml(mail.url)}</a></p>`;
  return `<article><h2>${escapeHtml(mail.subject)}</h2>
<p class="meta">to ${escapeHtml(mail.to)} · ${escapeHtml(mail.createdAt)} · ${escapeHtml(mail.purpose)}</p>
${code}${link}<pre>${escapeHtml(mail.text)}</pre></article>`;
}

/** Sends the mailbox as a page: no script, one style, nothing from elsewhere. */
export function mailboxPage(reply: FastifyReply, mails: readonly Mail[], to: string | undefined): void {
  const list = mails.length === 0 ? '<p>No mail yet.</p>' : mails.map(article).join('\n');
  void reply
    .header(
      'content-security-policy',
      `default-src 'none'; style-src 'sha256-${styleHash}'; form-action 'self'; frame-ancestors 'none'`,
    )
    .type('text/html; charset=utf-8')
    .serializer(String)
    .send(`<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Development mailbox</title><style>${style}</style></head><body>
<h1>Development mailbox</h1><p class="meta">Mails stay here while no mail server is configured.</p>
<form><input name="to" type="email" placeholder="Only mails to this address" value="${escapeHtml(to ?? '')}"><button>Show</button></form>
${list}</body></html>`);
}
