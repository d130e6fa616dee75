import { accessMutants } from './access-mutants.ts';
import { overOrganization, type Principal } from '../src/access/access.ts';
import type { Route } from '../src/calls/route.ts';
import type { Mutation } from './mutants.ts';

/** The additional principals for a list that would make a difference. */
function missing(listed: readonly Principal[]): Principal[] {
  const mutants = accessMutants({ access: overOrganization('see', ...listed) } as Route);
  return mutants.flatMap(({ access }) =>
    'principals' in access && access.target === 'organization'
      ? access.principals.filter((principal) => !listed.includes(principal))
      : [],
  );
}

/** Lists of principals outside the declarations, each with one more principal. */
export function sharedListMutations(file: string, source: string): Mutation[] {
  if (!file.endsWith('.routes.ts')) return [];
  return [...source.matchAll(/: (?:readonly )?Principal\[\] = \[([^\]]*)/g)].flatMap((match) => {
    const end = match.index + match[0].length;
    const listed = [...(match[1] ?? '').matchAll(/'([A-Z_]+)'/g)].map(([, name]) => name as Principal);
    return missing(listed).map((added) => ({ start: end, end, replacement: `'${added}'` }));
  });
}
