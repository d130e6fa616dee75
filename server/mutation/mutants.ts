import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sharedListMutations } from './shared-lists.ts';
import type { Kind } from './report.ts';

/** One edit of one file. */
export interface Mutation {
  readonly start: number;
  readonly end: number;
  readonly replacement: string;
}

export interface Mutant extends Mutation {
  /** Sequential number of the mutant. */
  readonly id: number;
  readonly kind: Kind;
  /** Path relative to the server's directory. */
  readonly file: string;
  readonly line: number;
  readonly original: string;
  /** The code of its declaration up to the mutant. */
  readonly context: string;
  readonly form: Form;
}

/** The kind of code that contains a guard; by default a piece of SQL. */
type Form = 'sql' | 'statement' | 'expression' | 'list';

/** A guard, found by its pattern, and its replacement. */
interface Guard {
  readonly kind: Kind;
  readonly pattern: RegExp;
  readonly replacement: string;
  readonly files?: RegExp;
  readonly form?: Form;
}

const value = String.raw`(?:\$\{[\w.]+\}(?:::bigint)?|(?!EXCLUDED\b)\w+\.\w+)`;

const guards: readonly Guard[] = [
  { kind: 'app', pattern: /(?:\b\w+\.)?\bapp_id = (?:\$\{[\w.]+\}|asked\.app_id)/g, replacement: 'TRUE' },
  {
    kind: 'row',
    pattern: new RegExp(String.raw`(?:\b\w+\.)?\b(?:org|scope|user|machine_user)_id = ${value}`, 'g'),
    replacement: 'TRUE',
  },
  { kind: 'row', pattern: /(?:\b\w+\.)?\bid = (?:\$\{(?:orgId|granted\.id)\}|m\.org_id)/g, replacement: 'TRUE' },
  { kind: 'row', pattern: /scope_id IN \(0, \$\{orgId\}::bigint\)/g, replacement: 'TRUE' },
  { kind: 'row', pattern: /org_id IS NOT DISTINCT FROM \$\{[^}]+\}::bigint/g, replacement: 'TRUE' },
  { kind: 'organization', pattern: /\((\w+\.)is_owner OR \1is_manager\)/g, replacement: 'TRUE' },
  {
    kind: 'organization',
    pattern: /(?<=WHEN )(?:\$\{isSuperAdmin\}|(?:caller|asked)\.[\w ]+?)(?= THEN)/g,
    replacement: 'TRUE',
    files: /access\/relations\.ts$/,
  },
  { kind: 'organization', pattern: /held && \$\{allowed\}::text\[\]/g, replacement: 'TRUE' },
  {
    kind: 'organization',
    pattern: new RegExp(
      String.raw`^ *(?:if \([^\n]*?\) )?(?:await )?` +
        '(?:decideBy(?:Relation|Declaration)|decideOverUser|' +
        String.raw`check(?:Visible|ManagerReach|MachineReach|MayAsk))\([^;]*\);\n`,
      'gm',
    ),
    replacement: '',
    form: 'statement',
  },
  {
    kind: 'organization',
    pattern: /(?<=recordDecision\(call, )(?:await decide|evaluateOver(?:Organization|User))\([^()]*\)/g,
    replacement: '[]',
    form: 'expression',
  },
  {
    kind: 'organization',
    pattern: /^ *if \([^;]*\)\s*throw new ApiError\('(?:access_denied|human_required|user_not_found)'\);\n/gm,
    replacement: '',
    files: /(?:routes|decide|reach)\.ts$/,
    form: 'statement',
  },
  {
    kind: 'authentication',
    pattern: new RegExp(
      String.raw`^ *(?:await )?(?:require(?:StrongestFactor|FreshForChange|FreshAuthentication|Authentication|` +
        String.raw`Session|Standing)|check(?:FactorProtection|Freshness))\([^;]*\);\n`,
      'gm',
    ),
    replacement: '',
    form: 'statement',
  },
  {
    kind: 'authentication',
    pattern: /(?:\b\w+\.)?\b(?:(?:idle_)?expires_at|remembered_until) > \$\{[\w.]+\}(?:::timestamptz)?/g,
    replacement: 'TRUE',
  },
  {
    kind: 'authentication',
    pattern: /^ *if \([^;{]*\)\s*throw (?:policyRefusal|stepUpRequired)\([^;]*\);\n/gm,
    replacement: '',
    form: 'statement',
  },
  {
    kind: 'authentication',
    pattern: /^ *if \([^;{]*\)\s*throw new ApiError\('(?:last_factor|factor_not_allowed|policy_locks_you_out)'\);\n/gm,
    replacement: '',
    form: 'statement',
  },
];

function mutationsOf({ pattern, replacement }: Guard, source: string): Mutation[] {
  return [...source.matchAll(pattern)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    replacement,
  }));
}

/** The declaration around a guard, from its first line to the line of the guard. */
function declarationUpTo(source: string, { start, end }: Mutation): string {
  const beginnings = [...source.slice(0, start).matchAll(/^(?:export|async|function|const|class) /gm)];
  return source.slice(beginnings.at(-1)?.index ?? 0, end);
}

const isProduct = (file: string): boolean =>
  file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.startsWith('test/');

function mutantsOfFile(folder: string, path: string): Omit<Mutant, 'id'>[] {
  const file = `src/${path}`;
  const source = readFileSync(join(folder, file), 'utf8');
  const toMutant = (kind: Kind, form: Form) => (mutation: Mutation) => ({
    ...mutation,
    kind,
    form,
    file,
    line: source.slice(0, mutation.start).split('\n').length,
    original: source.slice(mutation.start, mutation.end).trim(),
    context: declarationUpTo(source, mutation),
  });
  const applicable = guards.filter(({ files }) => !files || files.test(file));
  return [
    ...sharedListMutations(file, source).map(toMutant('access', 'list')),
    ...applicable.flatMap(({ kind, form = 'sql', ...guard }) =>
      mutationsOf({ kind, ...guard }, source).map(toMutant(kind, form)),
    ),
  ];
}

/** Every guard in the sources of the server, found by pattern, so that new code is included. */
export function findMutants(folder: string): Mutant[] {
  const files = readdirSync(join(folder, 'src'), { recursive: true, encoding: 'utf8' }).filter(isProduct);
  return files
    .toSorted()
    .flatMap((file) => mutantsOfFile(folder, file))
    .map((mutant, id) => ({ ...mutant, id }));
}

/** The patterns without a match: the code was rewritten and is no longer tested. */
export function findIdlePatterns(folder: string): RegExp[] {
  const files = readdirSync(join(folder, 'src'), { recursive: true, encoding: 'utf8' }).filter(isProduct);
  const sources = files.map((file) => ({
    file: `src/${file}`,
    source: readFileSync(join(folder, 'src', file), 'utf8'),
  }));
  const isIdle = (guard: Guard) =>
    sources.every(({ file, source }) => guard.files?.test(file) === false || mutationsOf(guard, source).length === 0);
  return guards.filter(isIdle).map(({ pattern }) => pattern);
}

/**
 * Called by switchable sources. Records that the guard with this number was reached, and returns whether it is
 * disabled.
 */
export const isGone = 'globalThis.__isGone';

const switches: Readonly<Record<Form, (id: number, original: string, replacement: string) => string>> = {
  sql: (id, original, replacement) => `\${${isGone}(${id}) ? sql\`${replacement}\` : sql\`${original}\`}`,
  statement: (id, original) => `if (!${isGone}(${id})) ${original}`,
  expression: (id, original, replacement) => `(${isGone}(${id}) ? ${replacement} : ${original})`,
  list: (id, _, replacement) => `, ...(${isGone}(${id}) ? [${replacement}] : [])`,
};

/**
 * The source of a file with a switch for each of its guards.
 *
 * @throws Error when two guards overlap
 */
export function withSwitches(source: string, mutants: readonly Mutant[]): string {
  const backwards = mutants.toSorted((a, b) => b.start - a.start);
  const overlapping = backwards.find((mutant, index) => mutant.end > (backwards[index - 1]?.start ?? source.length));
  if (overlapping) throw new Error(`${overlapping.file}:${overlapping.line} is in two guards`);
  return backwards.reduce((text, { start, end, id, form, replacement }) => {
    return text.slice(0, start) + switches[form](id, text.slice(start, end), replacement) + text.slice(end);
  }, source);
}
