import { html, type Html } from '../http/html.ts';
import type { TextName } from '../page-texts/texts.ts';
import { brandOf, type Content, type Values } from './layout.ts';
import type { PageCall } from './page-call.ts';

/** A page with links to the account and the button to sign out. */
export function framed(
  page: PageCall,
  title: TextName,
  body: Html,
  { values, links = html`` }: { values?: Values; links?: Html } = {},
): Content {
  const above = html`<div class="top">${brandOf(page.look)} ${page.signOutForm()}</div>
    <nav><a href="${page.href('account')}">${page.text('account')}</a>${links}</nav>`;
  return { ...page.content(title, body, { above, ...(values && { values }) }), isWide: true };
}
