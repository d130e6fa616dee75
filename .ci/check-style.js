/** Checks the length of lines and forbidden words. Prints each fault as `file:line: description`. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';

const maxLength = 120;

/** Forbidden words, with their replacements. The style page of CONTRIBUTING.md has the same list. */
const words = [
  [/\bwho(so)?ever\b|\bwhomever\b/i, '"anyone who", or name the person'],
  [/\bwhatever\b/i, '"every", or "regardless of"'],
  [/\bwhichever\b/i, '"any", "each", or "the one that"'],
  [/\bso that none\b/i, 'the noun: "so that no …"'],
  [/\bhangs? (a|one|every)\b/i, '"register"'],
  [/\banew\b/i, '"again"'],
  [/\bbe it\b/i, '"whether"'],
  [/\bways? in(to)?\b/i, '"sign-in method"'],
  [/\bin a circle\b/i, '"deadlock"'],
  [/\bbeside (the )?requests\b/i, '"in the background"'],
  [/\bunhurried\b/i, 'the mechanism'],
];

/** Released migrations are never edited: a database that has applied one refuses an edited one. */
const released = /^server\/src\/db\/migrations\/00(0\d|1\d|2[0-5])_/;
const generated =
  /(^|\/)package-lock\.json$|^docs\/(openapi\.json|mail-samples|screenshots)|^sdk\/src\/generated\/|\.(png|br|gz|sum)$/;
/** Data in the format of other tools or people: one record, one line. */
const fixtures = /\.(json|html|txt|test\.yaml)$|^LICENSE$|(^|\/)fixtures\//;
/** These files list the words. */
const rules = /^\.ci\/check-style\.js$|^CONTRIBUTING\.md$/;

const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
});
const files = listed
  .split('\0')
  .filter((file) => file !== '' && existsSync(file) && !generated.test(file) && !released.test(file));

/** @param {string} line @returns {number} its length in characters without URLs and combining marks */
const lengthOf = (line) => Array.from(line.replaceAll(/\bhttps?:\/\/[^\s'"`)>]+|\p{M}/gu, '')).length;

/**
 * Tables and blocks of code in Markdown, whose lines are not wrapped. @param {string[]} lines @returns {Set<number>}
 */
function wholeLines(lines) {
  const whole = new Set();
  let fence = '';
  lines.forEach((line, index) => {
    const mark = /^\s*(```|~~~)/.exec(line)?.[1] ?? '';
    if (fence !== '' || mark !== '' || /^\s*\|/.test(line)) whole.add(index);
    if (fence === '') fence = mark;
    else if (mark === fence) fence = '';
  });
  return whole;
}

/** @param {string} file @returns {string[]} its faults */
function faultsOf(file) {
  const lines = readFileSync(file, 'utf8').split('\n');
  const whole = file.endsWith('.md') ? wholeLines(lines) : new Set();
  return lines.flatMap((line, index) => {
    const at = `${file}:${index + 1}`;
    const isLong = !fixtures.test(file) && !whole.has(index) && lengthOf(line) > maxLength;
    const found = rules.test(file) ? [] : words.filter(([word]) => word.test(line));
    return [
      ...(isLong ? [`${at}: ${lengthOf(line)} characters, at most ${maxLength} are allowed`] : []),
      ...found.map(([word, instead]) => `${at}: "${word.exec(line)?.[0]}", write ${instead}`),
    ];
  });
}

const faults = files.flatMap(faultsOf);
process.stdout.write(`${files.length} files\n`);
if (faults.length > 0) {
  process.stderr.write(`${faults.join('\n')}\n${faults.length} faults\n`);
  process.exitCode = 1;
}
