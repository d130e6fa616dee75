import type { Principal } from '../src/http/access.ts';
import type { Mutation } from './mutants.ts';

/** What everybody with a credential is let in by; written out, so that the file needs no further import. */
const anySignedIn = `{ scope: 'app', principals: ['SESSION_OWNER', 'SUPER_ADMIN', 'GENERIC_MACHINE_USER'] }`;
const anyone = `{ scope: 'public', app: 'checked', setsCookie: false }`;
const anyoneAtAll = `{ scope: 'public', app: 'none', setsCookie: false }`;

const ladder: readonly Principal[] = ['SUPER_ADMIN', 'ORG_OWNER', 'ORG_USER_MANAGER', 'ORG_MEMBER'];
const everyPrincipal: readonly Principal[] = [...ladder, 'SESSION_OWNER', 'GENERIC_MACHINE_USER'];

/** Whoever holds the first of a pair over something of the scope holds the second as well, or nobody holds the first. */
const meaningful: Readonly<Record<string, (added: Principal, listed: readonly string[]) => boolean>> = {
  app: (added, listed) =>
    added === 'SESSION_OWNER' ||
    added === 'GENERIC_MACHINE_USER' ||
    (added === 'SUPER_ADMIN' && !listed.includes('SESSION_OWNER')),
  organization: (added, listed) =>
    added !== 'SESSION_OWNER' &&
    !ladder.slice(ladder.indexOf(added) + 1).some((lower) => ladder.includes(added) && listed.includes(lower)),
  user: (added, listed) => added !== 'ORG_MEMBER' && !(added === 'ORG_OWNER' && listed.includes('ORG_USER_MANAGER')),
  session: () => false,
};

const scopeOf = (builder: string): string =>
  /^over(App|Organization|User|Session)/.exec(builder)?.[1]?.toLowerCase() ?? 'organization';

/** The end of the list that opens at `open`. */
function closing(source: string, open: number): number {
  let depth = 0;
  for (let at = open; at < source.length; at += 1) {
    if ('([{'.includes(source.charAt(at))) depth += 1;
    if (')]}'.includes(source.charAt(at))) depth -= 1;
    if (depth === 0) return at;
  }
  throw new Error('a list does not end');
}

/** The list with one more principal in it, for each that makes a difference. */
function widened(source: string, scope: string, open: number): Mutation[] {
  const end = closing(source, open);
  const listed = [...source.slice(open, end).matchAll(/'([A-Z_]+)'/g)].map(([, name = '']) => name);
  if (listed.length === 0) return [];
  return everyPrincipal
    .filter((added) => !listed.includes(added) && meaningful[scope]?.(added, listed))
    .map((added) => ({ start: end, end, replacement: `, '${added}'` }));
}

function weakened(source: string): Mutation[] {
  return [...source.matchAll(/\baccess: (over\w+)\(/g)].flatMap((match) => {
    const [text, builder = ''] = match;
    const start = match.index + 'access: '.length;
    const open = match.index + text.length - 1;
    const end = closing(source, open) + 1;
    const weaker = [
      anyone,
      ...(builder === 'overApp' && source.slice(open, end).includes('SESSION_OWNER') ? [] : [anySignedIn]),
    ];
    return [...weaker.map((replacement) => ({ start, end, replacement })), ...widened(source, scopeOf(builder), open)];
  });
}

const opened = (source: string): Mutation[] =>
  [...source.matchAll(/(?<=\baccess: )platformAccess\b/g)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
    replacement: anyoneAtAll,
  }));

/** Lists of principals that routes share. */
const shared = (source: string): Mutation[] =>
  [...source.matchAll(/: (?:readonly )?Principal\[\] = \[/g)].flatMap((match) =>
    widened(source, 'organization', match.index + match[0].length - 1),
  );

/** Every declaration of access, replaced by a weaker one. */
export function accessMutations(file: string, source: string): Mutation[] {
  return file.endsWith('.routes.ts') ? [...weakened(source), ...opened(source), ...shared(source)] : [];
}
