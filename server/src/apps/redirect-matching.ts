import type { Settings } from './apps.schema.ts';

/** One quantifier only: with more, white space alone would keep it busy for seconds. */
export const placeholder = /\{\{([^{}]*)\}\}/g;

/** Ends an entry whose page takes any query. */
const anyQuery = '?*';

/**
 * A template of which each placeholder is replaced by `x`, and by `y`: a value that differs between the two is a
 * placeholder, a value that does not is fixed.
 */
interface Filled {
  readonly url: URL;
  readonly otherwise: URL;
}

/** Returns undefined if the text is not a URL, or if its origin depends on a placeholder. */
export function fillTwice(template: string): Filled | undefined {
  const [x, y] = ['x', 'y'].map((value) => template.replace(placeholder, value));
  if (!x || !y || !URL.canParse(x) || !URL.canParse(y)) return undefined;
  const filled = { url: new URL(x), otherwise: new URL(y) };
  // Compared after parsing: the parser drops tabs and superfluous slashes and takes a backslash for a slash.
  return filled.url.origin === filled.otherwise.origin ? filled : undefined;
}

/** The query parameters whose value is no placeholder, in their order. */
function fixedParameters({ url, otherwise }: Filled): [name: string, value: string][] {
  const others = [...otherwise.searchParams];
  return [...url.searchParams].filter(
    ([name, value], index) => !(value === 'x' && others[index]?.[0] === name && others[index][1] === 'y'),
  );
}

/** Whether an entry names an origin and nothing else, not even the path `/`. */
function isBareOrigin(entry: string): boolean {
  const { pathname, search, hash } = new URL(entry);
  return pathname === '/' && search === '' && hash === '' && !/[/?#]$/.test(entry);
}

const isOriginOf = (entry: string, { url }: Filled): boolean =>
  isBareOrigin(entry) && new URL(entry).origin === url.origin;

/** Path and fragment are equal. Parameters are placeholders, listed in the entry, or the entry takes any query. */
function matchesExactly(target: Filled, entry: string): boolean {
  if (isBareOrigin(entry)) return false;
  const takesAnyQuery = entry.endsWith(anyQuery);
  const allowed = fillTwice(takesAnyQuery ? entry.slice(0, -anyQuery.length) : entry);
  if (!allowed) return false;
  const [a, b] = [target.url, allowed.url];
  if (a.origin !== b.origin || a.pathname !== b.pathname || a.hash !== b.hash) return false;
  return takesAnyQuery || JSON.stringify(fixedParameters(target)) === JSON.stringify(fixedParameters(allowed));
}

/** The rule of apps that were created before `exact`: query and fragment are free. */
function matchesByOrigin({ url }: Filled, entry: string): boolean {
  const allowed = new URL(entry);
  return url.origin === allowed.origin && (isBareOrigin(entry) || url.pathname === allowed.pathname);
}

/**
 * Whether the app's `redirectUrls` allow a target.
 *
 * @param isTrusted named by a super admin, a machine user of the app or the app's own settings: a bare origin allows
 *   each of its paths
 */
export function allowsTarget(settings: Settings, target: Filled, isTrusted: boolean): boolean {
  const { redirectUrls, redirectMatching } = settings;
  return redirectUrls.some(
    (entry) =>
      matchesExactly(target, entry) ||
      (isTrusted && isOriginOf(entry, target)) ||
      (redirectMatching === 'origin' && matchesByOrigin(target, entry)),
  );
}

/** The narrowest entry that allows the template to everybody. */
export function entryFor(template: string, filled: Filled): string {
  const named = new URL(template.replace(placeholder, (_, name: string) => `__${name.trim()}__`));
  const restored = (part: string) => part.replace(/__(\w+?)__/g, '{{$1}}');
  const fixed = fixedParameters(filled);
  const { origin, pathname, hash } = named;
  if (fixed.length === 0) return origin + restored(pathname + hash);
  // A fragment cannot follow `?*`.
  return hash === ''
    ? origin + restored(pathname) + anyQuery
    : `${origin}${restored(pathname)}?${new URLSearchParams(fixed).toString()}${restored(hash)}`;
}
