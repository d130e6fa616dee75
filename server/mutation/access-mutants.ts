import {
  type Access,
  overApp,
  platformAccess,
  type Principal,
  principals,
  publicAccess,
} from '../src/access/access.ts';
import type { Route } from '../src/calls/route.ts';

/** A weaker declaration for a route. */
export interface AccessMutant {
  readonly what: string;
  readonly access: Access;
}

type Targeted = Extract<Access, { principals: readonly Principal[] }>;

const ladder: readonly Principal[] = ['SUPER_ADMIN', 'ORG_OWNER', 'ORG_USER_MANAGER', 'ORG_MEMBER'];
const everyPrincipal = Object.keys(principals) as Principal[];

/** Over a target, every holder of the first principal of a pair also holds the second, or the first has no holders. */
const meaningful: Readonly<Record<Targeted['target'], (added: Principal, listed: readonly Principal[]) => boolean>> = {
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

/** Adds one more principal, for each principal that makes a difference. */
const widened = (access: Targeted): AccessMutant[] =>
  everyPrincipal
    .filter((added) => !access.principals.includes(added) && meaningful[access.target](added, access.principals))
    .map((added) => ({ what: `and ${added}`, access: { ...access, principals: [...access.principals, added] } }));

function weakerThan(access: Targeted): AccessMutant[] {
  const isForEverybodySignedIn = access.target === 'app' && access.principals.includes('SESSION_OWNER');
  const signedIn = overApp('SESSION_OWNER', 'SUPER_ADMIN', 'GENERIC_MACHINE_USER');
  return [
    { what: 'anyone', access: publicAccess() },
    ...(isForEverybodySignedIn ? [] : [{ what: 'anyone signed in', access: signedIn }]),
    ...(access.target === 'user' && access.from === 'body' && !access.mailedToken
      ? [{ what: 'and mailed tokens', access: { ...access, mailedToken: true } }]
      : []),
    ...widened(access),
  ];
}

/**
 * The weaker declarations that a route could have by mistake. Handlers that decide by their own list do not use the
 * declaration; these lists are among the guards in the sources.
 */
export function accessMutants({ access, decidesInStatement }: Route): AccessMutant[] {
  if (access === platformAccess) return [{ what: 'anyone', access: publicAccess({ app: 'none' }) }];
  return 'principals' in access && decidesInStatement !== 'by-own-list' ? weakerThan(access) : [];
}
