import MarkdownIt from 'markdown-it';

/**
 * Converts a Mermaid diagram to a list for every browser and screen reader: one line for each message or arrow, in
 * order, and a nested list for each branch. Only the syntax of this documentation is supported. Another line is an
 * error, so that no step of a diagram is lost.
 */

const { escapeHtml } = new MarkdownIt().utils;

/** @param {string} text @returns {string} */
const escape = (text) => escapeHtml(text.replaceAll('<br>', ' '));

/** @param {string} from @param {string} to @param {string} [text] @returns {string} */
function step(from, to, text = '') {
  const parties = from === to ? [from] : [from, to];
  const names = parties.map((party) => `<b>${escape(party)}</b>`).join(' → ');
  return `<li>${names}${escape(text)}</li>`;
}

/** @param {string} what @param {string} text */
const unknown = (what, text) => new Error(`This ${what} is not understood: ${text}`);

const branches = /** @type {const} */ ({
  alt: 'If',
  opt: 'If',
  else: 'Otherwise',
  loop: 'Repeat',
  par: 'At once',
  and: 'and',
});

/** @param {string[]} lines of a sequence diagram @returns {string} */
function sequence(lines) {
  /** @type {Map<string, string>} */
  const names = new Map();
  const nameOf = (/** @type {string} */ id) => names.get(id) ?? id;
  const items = lines.map((line) => {
    const [, id, name] = /^participant (\w+)(?: as (.+))?$/.exec(line) ?? [];
    if (id !== undefined) {
      names.set(id, name ?? id);
      return '';
    }
    const [, from, to, text] = /^(\w+)\s*--?(?:>>?|x|\))\s*(\w+):\s*(.*)$/.exec(line) ?? [];
    if (from !== undefined && to !== undefined) return step(nameOf(from), nameOf(to), text && `: ${text}`);
    const [, note] = /^[Nn]ote (?:over|right of|left of) [\w, ]+:\s*(.+)$/.exec(line) ?? [];
    if (note !== undefined) return `<li>${escape(note)}</li>`;
    const [, word, condition = ''] = /^(alt|opt|else|loop|par|and)\b\s*(.*)$/.exec(line) ?? [];
    if (word !== undefined) {
      const title = [branches[/** @type {keyof typeof branches} */ (word)], escape(condition)]
        .filter(Boolean)
        .join(' ');
      const close = word === 'else' || word === 'and' ? '</ol></li>' : '';
      return `${close}<li>${title}:<ol>`;
    }
    if (line === 'end') return '</ol></li>';
    throw unknown('line of a sequence diagram', line);
  });
  return items.join('');
}

/** @param {string[]} lines of a flowchart @returns {string} */
function flowchart(lines) {
  /** @type {Map<string, string>} */
  const names = new Map();
  const node = /^(\w+)(?:\(\((.+?)\)\)|\[\((.+?)\)\]|\[(.+?)\]|\{(.+?)\})?$/;
  const nodes = (/** @type {string} */ text) =>
    text.split(' & ').map((part) => {
      const [, id, ...labels] = node.exec(part.trim()) ?? [];
      if (id === undefined) throw unknown('node of a flowchart', part);
      const label = labels.find((each) => each !== undefined);
      if (label !== undefined) names.set(id, label);
      return id;
    });
  const edges = lines.flatMap((line) => {
    const [, left, text, dotted, right] =
      /^(.+?) (?:-->|--\s+"?(.+?)"?\s+-->|-\.\s+"?(.+?)"?\s+\.->) (.+)$/.exec(line) ?? [];
    if (left === undefined || right === undefined) {
      throw unknown('line of a flowchart', line);
    }
    const [sources, targets] = [nodes(left), nodes(right)];
    return sources.flatMap((from) => targets.map((to) => ({ from, to, text: text ?? dotted })));
  });
  const nameOf = (/** @type {string} */ id) => names.get(id) ?? id;
  const items = edges.map(({ from, to, text }) => step(nameOf(from), nameOf(to), text && ` (${text})`));
  return [...new Set(items)].join('');
}

/** @param {string[]} lines of a state diagram @returns {string} */
function states(lines) {
  const items = lines.map((line) => {
    const [, from, to, text] = /^(\S+) --> (\S+?)(?::\s*(.+))?$/.exec(line) ?? [];
    if (from === undefined || to === undefined) throw unknown('line of a state diagram', line);
    return step(from === '[*]' ? 'start' : from, to === '[*]' ? 'end' : to, text && ` (${text})`);
  });
  return items.join('');
}

/**
 * @param {string} source the text of a Mermaid block: `sequenceDiagram`, `flowchart` or `stateDiagram-v2`
 * @returns {string} an ordered list in HTML
 * @throws {Error} when a line is not understood
 */
export function diagram(source) {
  const [kind = '', ...lines] = source.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()]));
  if (kind === 'sequenceDiagram') return `<ol class="diagram">${sequence(lines)}</ol>`;
  if (kind === 'stateDiagram-v2') return `<ol class="diagram">${states(lines)}</ol>`;
  if (/^flowchart (LR|TD)$/.test(kind)) return `<ol class="diagram">${flowchart(lines)}</ol>`;
  throw unknown('kind of diagram', kind);
}
