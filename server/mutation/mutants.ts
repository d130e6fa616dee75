import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { accessMutations } from './access-mutants.ts';

/** What a mutant takes away: a declared access, a check on organization or person, or the app in a predicate. */
export type Kind = 'access' | 'organization' | 'app';

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
  /** The operation in whose declaration it stands, whose tests are the first to notice. */
  readonly operationId: string | undefined;
}

/** A guard, found by how it is written, and what stands there without it. */
interface Guard {
  readonly kind: Kind;
  readonly pattern: RegExp;
  readonly replacement: string;
  readonly files?: RegExp;
}

const value = String.raw`(?:\$\{[\w.]+\}(?:::bigint)?|(?!EXCLUDED\b)\w+\.\w+)`;

const guards: readonly Guard[] = [
  { kind: 'app', pattern: /(?:\b\w+\.)?\bapp_id = (?:\$\{[\w.]+\}|asked\.app_id)/g, replacement: 'TRUE' },
  {
    kind: 'organization',
    pattern: new RegExp(String.raw`(?:\b\w+\.)?\b(?:org|user|scope|machine_user)_id = ${value}`, 'g'),
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
    pattern: /^ *(?:await )?(?:evaluate|check(?:Visible|ManagerReach))\([^;]*\);\n/gm,
    replacement: '',
  },
  { kind: 'organization', pattern: /^ *await decide\([^;]*\);\n/gm, replacement: '' },
  { kind: 'organization', pattern: /(?<=: )await decide\([^;]*\)(?=;)/g, replacement: '[]' },
  {
    kind: 'organization',
    pattern: /^ *if \([^;]*\)\s*throw new ApiError\('(?:access_denied|human_required|user_not_found)'\);\n/gm,
    replacement: '',
    files: /(?:routes|access)\.ts$/,
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

const operationBefore = (source: string, start: number): string | undefined =>
  [...source.slice(0, start).matchAll(/operationId: '(\w+)'/g)].at(-1)?.[1];

const isProduct = (file: string): boolean =>
  file.endsWith('.ts') && !file.endsWith('.test.ts') && !file.startsWith('test/');

function mutantsOfFile(folder: string, path: string): Mutant[] {
  const file = `src/${path}`;
  const source = readFileSync(join(folder, file), 'utf8');
  const toMutant = (kind: Kind) => (mutation: Mutation) => ({
    ...mutation,
    kind,
    file,
    line: source.slice(0, mutation.start).split('\n').length,
    original: source.slice(mutation.start, mutation.end).trim(),
    context: linesAround(source, mutation),
    operationId: kind === 'access' ? operationBefore(source, mutation.start) : undefined,
  });
  const applicable = guards.filter(({ files }) => !files || files.test(file));
  return [
    ...accessMutations(file, source).map(toMutant('access')),
    ...applicable.flatMap((guard) => mutationsOf(guard, source).map(toMutant(guard.kind))),
  ];
}

/** Every guard in the sources of the server, taken away one at a time; new code is found by how it is written. */
export function findMutants(folder: string): Mutant[] {
  const files = readdirSync(join(folder, 'src'), { recursive: true, encoding: 'utf8' }).filter(isProduct);
  return files.toSorted().flatMap((file) => mutantsOfFile(folder, file));
}

/** The source without the guard. */
export const applied = (source: string, { start, end, replacement }: Mutation): string =>
  source.slice(0, start) + replacement + source.slice(end);
