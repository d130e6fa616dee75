/**
 * The layout of a page: header, contents, text, links to the previous and next page.
 *
 * @typedef {{ address: string, title: string }} Link
 * @typedef {{ title: string, entries: Link[] }} Group
 *
 * @typedef {object} Page
 * @property {string} address
 * @property {string} title
 * @property {string} summary
 * @property {string} body HTML
 * @property {Group[]} groups the contents in the sidebar of this page
 * @property {Link | undefined} before
 * @property {Link | undefined} after
 *
 * @typedef {object} Frame
 * @property {typeof import('../../src/http/html.ts').html} html
 * @property {(name: string) => string} assetUrl
 * @property {string} version
 */

/** @param {Frame} frame @param {Page} page @returns {string} */
export function toPage({ html, assetUrl, version }, { address, title, summary, body, groups, before, after }) {
  const link = (/** @type {Link} */ entry) =>
    entry.address === address
      ? html`<li><a href="${entry.address}" aria-current="page">${entry.title}</a></li>`
      : html`<li><a href="${entry.address}">${entry.title}</a></li>`;
  const group = (/** @type {Group} */ { title: heading, entries }) =>
    html`<h2>${heading}</h2>
      <ul>
        ${entries.map(link)}
      </ul>`;
  const neighbour = (/** @type {Link | undefined} */ entry, /** @type {string} */ rel) =>
    entry ? html`<a rel="${rel}" href="${entry.address}">${entry.title}</a>` : html``;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="description" content="${summary}" />
        <title>${title} · Gatehouse</title>
        <link rel="icon" href="data:," />
        <link rel="alternate" type="text/markdown" href="${address === '/' ? '/llms.txt' : `${address}.md`}" />
        <link rel="stylesheet" href="${assetUrl('pages.css')}" />
        <link rel="stylesheet" href="${assetUrl('documentation.css')}" />
        <script type="module" src="${assetUrl('documentation.js')}" data-index="${assetUrl('search.json')}"></script>
      </head>
      <body class="documentation">
        <a class="skip" href="#text">To the text</a>
        <header>
          <a class="brand" href="/">Gatehouse</a>
          <a href="/docs/tutorial">Tutorial</a>
          <a href="/docs">Reference</a>
          <a class="to-contents" href="#contents">Contents</a>
          <search id="search" hidden>
            <label for="query">Search</label>
            <input id="query" type="search" autocomplete="off" aria-controls="found" />
            <output id="found" for="query"></output>
          </search>
        </header>
        <main id="text">
          ${{ markup: body }}
          <nav class="neighbours" aria-label="Before and after">
            ${neighbour(before, 'prev')} ${neighbour(after, 'next')}
          </nav>
        </main>
        <nav id="contents" aria-label="Documentation">${groups.map(group)}</nav>
        <footer class="quiet">
          Gatehouse ${version} ·
          <a href="${address === '/' ? '/llms.txt' : `${address}.md`}">This page as Markdown</a> ·
          <a href="/llms.txt">llms.txt</a>
        </footer>
      </body>
    </html> `.markup;
}
