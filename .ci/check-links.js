/** Checks that every link between files of the repository has a target: a file, and a heading in it. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { slugOf } from '../server/scripts/docs/slug.js';

const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard', '*.md'], {
  encoding: 'utf8',
});
const files = listed.split('\0').filter((file) => file !== '' && existsSync(file));

/** @param {string} markdown */
const withoutCode = (markdown) => markdown.replaceAll(/^(```|~~~)[^]*?^\1\s*$/gm, '').replaceAll(/`[^`\n]*`/g, '');

/** @param {string} markdown @returns {Set<string>} the anchors of its headings */
function anchorsOf(markdown) {
  const headings = markdown.replaceAll(/^(```|~~~)[^]*?^\1\s*$/gm, '').matchAll(/^#{1,6} (.+)$/gm);
  return new Set(Array.from(headings, ([, heading = '']) => slugOf(heading)));
}

/** @param {string} file @param {string} link @returns {string | undefined} the fault of the link */
function fault(file, link) {
  const [path = '', anchor] = link.split('#');
  const target = path === '' ? file : normalize(join(dirname(file), decodeURI(path)));
  if (target.startsWith('..') || !existsSync(target)) return `${file}: ${link}: the target does not exist`;
  if (anchor === undefined || statSync(target).isDirectory() || !target.endsWith('.md')) return undefined;
  return anchorsOf(readFileSync(target, 'utf8')).has(anchor) ? undefined : `${file}: ${link} names no heading`;
}

let count = 0;
const faults = files.flatMap((file) => {
  const links = withoutCode(readFileSync(file, 'utf8')).matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g);
  const internal = Array.from(links, ([, link = '']) => link).filter((link) => !/^[a-z][a-z+.-]*:/i.test(link));
  count += internal.length;
  return internal.map((link) => fault(file, link)).filter((found) => found !== undefined);
});

process.stdout.write(`${count} links in ${files.length} files\n`);
if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\n`);
  process.exitCode = 1;
}
