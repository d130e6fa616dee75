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
  readonly kind: Kind;
  /** Path below the server's folder. */
  readonly file: string;
  readonly line: number;
  readonly original: string;
  /** The lines around it. */
  readonly context: string;
  /** How to note, in place of the guard, that it was reached; undefined where that cannot be told. */
  readonly probe: ((id: number) => string) | undefined;
}

/** A guard, found by how it is written, and what stands there without it. */
interface Guard {
  readonly kind: Kind;
  readonly pattern: RegExp;
  readonly replacement: string;
  readonly files?: RegExp;
  /** What it is a part of; a piece of SQL unless it says otherwise. */
  readonly form?: keyof typeof probes;
}

const value = String.raw`(?:\$\{[\w.]+\}(?:::bigint)?|(?!EXCLUDED\b)\w+\.\w+)`;

const guards: readonly Guard[] = [
  { kind: 'app', pattern: /(?:\b\w+\.)?\bapp_id = (?:\$\{[\w.]+\}|asked\.app_id)/g, replacement: 'TRUE' },
  {
    kind: 'organization',
    pattern: new RegExp(String.raw`(?:\b\w+\.)?\b(?:org|scope)_id = ${value}`, 'g'),
    replacement: 'TRUE',
  },
  {
    kind: 'owner of a row',
    pattern: new RegExp(String.raw`(?:\b\w+\.)?\b(?:user|machine_user)_id = ${value}`, 'g'),
    replacement: 'TRUE',
  },
  { kind: 'organization', pattern: /(?:\b\w+\.)?\bid = (?:\$\{orgId\}|granted\.id|m\.org_id)/g, replacement: 'TRUE' },
  { kind: 'organization', pattern: /scope_id IN \(0, \$\{orgId\}::bigint\)/g, replacement: 'TRUE' },
  { kind: 'organization', pattern: /org_id IS NOT DISTINCT FROM \$\{[^}]+\}::bigint/g, replacement: 'TRUE' },
  { kind: 'organization', pattern: /\((\w+\.)is_owner OR \1is_manager\)/g, replacement: 'TRUE' },
  {
    kind: 'organization',
    pattern: /(?<=WHEN )(?:\$\{actor[\w.]+\}::boolean|m\.[\w ]+?)(?= THEN)/g,
    replacement: 'TRUE',
    files: /http\/access\.ts$/,
  },
  { kind: 'organization', pattern: /held && \$\{allowed\}::text\[\]/g, replacement: 'TRUE' },
  {
    kind: 'organization',
    pattern: /^ *(?:await )?(?:evaluate|check(?:Visible|ManagerReach|MachineReach))\([^;]*\);\n/gm,
    replacement: '',
    form: 'statement',
  },
  { kind: 'organization', pattern: /^ *await decide\([^;]*\);\n/gm, replacement: '', form: 'statement' },
  {
    kind: 'organization',
    pattern: /(?<=: )await decide\([^;]*\)(?=;)/g,
    replacement: '[]',
    form: 'expression',
  },
  {
    kind: 'organization',
    pattern: /^ *if \([^;]*\)\s*throw new ApiError\('(?:access_denied|human_required|user_not_found)'\);\n/gm,
    replacement: '',
    files: /(?:routes|access|reach)\.ts$/,
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

/** The statement that a guard stands in: from the start of its function, or of its piece of SQL, to its end. */
function linesAround(source: string, { start, end }: Mutation): string {
  const lines = source.split('\n');
  const first = source.slice(0, start).split('\n').length - 1;
  const last = source.slice(0, end).split('\n').length - 1;
  return lines.slice(Math.max(0, first - 12), last + 1).join('\n');
}

/** What the instrumented copy calls to note that a guard was reached; it adds nothing to a piece of SQL. */
export const reached = 'globalThis.__reached';

const probes = {
  sql: (original: string) => (id: number) => `${original}\${${reached}(${id})}`,
  statement: (original: string) => (id: number) => `${reached}(${id});\n${original}`,
  expression: (original: string) => (id: number) => `(${reached}(${id}), ${original})`,
};

const isProduct = (file: string): boolean =>
  file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.startsWith('test/');

function mutantsOfFile(folder: string, path: string): Mutant[] {
  const file = `src/${path}`;
  const source = readFileSync(join(folder, file), 'utf8');
  const toMutant = (kind: Kind, form?: keyof typeof probes) => (mutation: Mutation) => ({
    ...mutation,
    kind,
    file,
    line: source.slice(0, mutation.start).split('\n').length,
    original: source.slice(mutation.start, mutation.end).trim(),
    context: linesAround(source, mutation),
    probe: form && probes[form](source.slice(mutation.start, mutation.end)),
  });
  const applicable = guards.filter(({ files }) => !files || files.test(file));
  return [
    ...sharedListMutations(file, source).map(toMutant('access')),
    ...applicable.flatMap(({ kind, form = 'sql', ...guard }) =>
      mutationsOf({ kind, ...guard }, source).map(toMutant(kind, form)),
    ),
  ];
}

/** Every guard in the sources of the server, taken away one at a time; new code is found by how it is written. */
export function findMutants(folder: string): Mutant[] {
  const files = readdirSync(join(folder, 'src'), { recursive: true, encoding: 'utf8' }).filter(isProduct);
  return files.toSorted().flatMap((file) => mutantsOfFile(folder, file));
}

/** The source with a note of every guard that is reached. */
export function instrumented(source: string, probed: readonly (Mutant & { id: number })[]): string {
  return probed
    .toSorted((a, b) => b.start - a.start)
    .reduce((text, mutant) => applied(text, { ...mutant, replacement: mutant.probe?.(mutant.id) ?? '' }), source);
}

/** The source without the guard. */
export const applied = (source: string, { start, end, replacement }: Mutation): string =>
  source.slice(0, start) + replacement + source.slice(end);
