import { dirname, join, normalize } from 'node:path/posix';
import MarkdownIt from 'markdown-it';
import { createCssVariablesTheme, createHighlighterCore } from 'shiki/core';
import { createOnigurumaEngine } from 'shiki/engine/oniguruma';
import { diagram } from './diagram.js';
import { slugOf } from './slug.js';

/**
 * Converts Markdown to HTML: headings with anchors, links between pages, syntax highlighting by classes, diagrams as
 * lists. HTML in Markdown is shown as text.
 *
 * @typedef {{ title: string, anchor: string, text: string }} Part a heading with the text below it
 * @typedef {{ html: string, title: string, parts: Part[] }} Rendered
 * @typedef {(link: string, from: string) => string | undefined} ResolveLink an address; undefined drops the link
 */

const names = ['bash', 'go', 'http', 'ini', 'json', 'python', 'sql', 'typescript', 'yaml'];
/** @type {Readonly<Record<string, string>>} */
const aliases = { js: 'typescript', javascript: 'typescript', ts: 'typescript', sh: 'bash' };

const highlighter = await createHighlighterCore({
  themes: [createCssVariablesTheme({ name: 'classes', variablePrefix: '--', fontStyle: false })],
  langs: names.map((name) => import(`shiki/langs/${name}.mjs`)),
  engine: createOnigurumaEngine(import('shiki/wasm')),
});

const { escapeHtml } = new MarkdownIt().utils;

/** @param {string} code @param {string} language @returns {string} */
function highlight(code, language) {
  const lang = aliases[language] ?? language;
  if (!names.includes(lang)) return escapeHtml(code);
  const lines = highlighter.codeToTokensBase(code, { lang, theme: 'classes' });
  const toSpan = (/** @type {{ content: string, color?: string }} */ { content, color = '' }) => {
    const kind = /^var\(--token-([a-z-]+)\)$/.exec(color)?.[1];
    return kind ? `<span class="${kind}">${escapeHtml(content)}</span>` : escapeHtml(content);
  };
  return lines.map((tokens) => tokens.map(toSpan).join('')).join('\n');
}

/** @param {import('markdown-it').Token | undefined} token @returns {string} */
function fence(token) {
  const [language = ''] = (token?.info ?? '').split(' ');
  const code = (token?.content ?? '').trimEnd();
  return language === 'mermaid' ? diagram(code) : `<pre tabindex="0"><code>${highlight(code, language)}</code></pre>`;
}

/** @param {string} source @param {string} link @returns {string} the file that the link names, with its anchor */
export const targetOf = (source, link) => {
  const [path = '', anchor] = link.split('#');
  const file = path === '' ? source : normalize(join(dirname(source), decodeURI(path)));
  return anchor === undefined ? file : `${file}#${anchor}`;
};

/** @param {import('markdown-it').Token[]} tokens @returns {Part[]} */
function partsOf(tokens) {
  /** @type {Part[]} */
  const parts = [];
  tokens.forEach((token, index) => {
    if (token.type === 'heading_open') {
      const title = textOf(tokens[index + 1]);
      parts.push({ title, anchor: slugOf(title), text: '' });
    } else if (token.type === 'inline' && tokens[index - 1]?.type !== 'heading_open') {
      const part = parts.at(-1);
      if (part) part.text += `${textOf(token)} `;
    }
  });
  return parts;
}

/** @param {import('markdown-it').Token | undefined} token @returns {string} */
const textOf = (token) =>
  (token?.children ?? []).map((child) => (child.type === 'softbreak' ? ' ' : child.content)).join('');

/** @param {ResolveLink} resolveLink @returns {(markdown: string, source: string) => Rendered} */
export function createRenderer(resolveLink) {
  const markdownIt = new MarkdownIt({ html: false });
  const { rules } = markdownIt.renderer;
  rules['fence'] = (tokens, index) => fence(tokens[index]);
  rules['table_open'] = () => '<div class="wide" tabindex="0" role="region" aria-label="Table"><table>';
  rules['table_close'] = () => '</table></div>';

  /** @param {string} markdown @param {string} source */
  return (markdown, source) => {
    const tokens = markdownIt.parse(markdown, {});
    const parts = partsOf(tokens);
    tokens.forEach((token, index) => {
      if (token.type === 'heading_open') token.attrSet('id', slugOf(textOf(tokens[index + 1])));
      if (token.type === 'inline') resolveLinks(token, source);
    });
    return { html: markdownIt.renderer.render(tokens, markdownIt.options, {}), title: parts[0]?.title ?? '', parts };
  };

  /** @param {import('markdown-it').Token} inline @param {string} source */
  function resolveLinks(inline, source) {
    /** @type {boolean[]} */
    const kept = [];
    inline.children = (inline.children ?? []).filter((token) => {
      if (token.type === 'link_open') {
        const address = resolveLink(String(token.attrGet('href')), source);
        kept.push(address !== undefined);
        if (address === undefined) return false;
        token.attrSet('href', address);
        return true;
      }
      return token.type === 'link_close' ? kept.pop() : true;
    });
  }
}

/** Code, in which nothing is a link, or a link. */
const codeOrLink = /^```[^]*?^```$|\[((?:`[^`]*`|[^[\]`])*)\]\((\S+?)\)|`[^`\n]*`/gm;

/**
 * The Markdown that the service serves: its links lead to the Markdown of other pages. Of a link to a file that the
 * service does not serve, the text remains.
 *
 * @param {string} markdown @param {string} source @param {ResolveLink} resolveLink
 */
export function withAddresses(markdown, source, resolveLink) {
  const toTwin = (/** @type {string} */ address) => address.replace(/^(\/docs\/[^#]+|\/errors(?:\/[^#]+)?)/, '$1.md');
  return markdown.replaceAll(codeOrLink, (found, text, link) => {
    if (link === undefined) return found;
    const address = resolveLink(link, source);
    return address === undefined ? text : `[${text}](${toTwin(address)})`;
  });
}
