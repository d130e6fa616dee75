import type { Settings } from './apps.schema.ts';

/** Has one quantifier only, to avoid catastrophic backtracking on white space. */
export const placeholder = /\{\{([^{}]*)\}\}/g;

/** End of an entry that allows any query. */
const anyQuery = '?*';

/**
 * A template filled twice, with `x` and with `y` for each placeholder. Parts that differ contain a placeholder; equal
 * parts are fixed.
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
  // Compared after parsing: the parser drops tabs and superfluous slashes, and reads a backslash as a slash.
  return filled.url.origin === filled.otherwise.origin ? filled : undefined;
}

/** The query parameters whose value is not only a placeholder. */
function fixedPlaces({ url, otherwise }: Filled): number[] {
  const others = [...otherwise.searchParams];
  return [...url.searchParams].flatMap(([name, value], index) =>
    value === 'x' && others[index]?.[0] === name && others[index][1] === 'y' ? [] : [index],
  );
}

/**
 * The compared parts of a URL. Both fillings are compared, so that a placeholder does not match a literal `x` in an
 * entry.
 */
const fixedParts = (filled: Filled) => {
  const places = fixedPlaces(filled);
  return [filled.url, filled.otherwise].map(({ origin, pathname, hash, searchParams }) => {
    const parameters = [...searchParams];
    return { place: [origin, pathname, hash], query: places.map((index) => parameters[index]) };
  });
};

const placeOf = ({ place }: { place: readonly string[] }) => place;

const areEqual = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Whether an entry is a bare origin, without even the path `/`. */
function isBareOrigin(entry: string): boolean {
  const { pathname, search, hash } = new URL(entry);
  return pathname === '/' && search === '' && hash === '' && !/[/?#]$/.test(entry);
}

const isOriginOf = (entry: string, { url }: Filled): boolean =>
  isBareOrigin(entry) && new URL(entry).origin === url.origin;

/**
 * Whether origin, path and fragment are equal, and the query parameters are the same, apart from those whose value is a
 * placeholder. An entry that ends with `?*` allows any query.
 */
function matchesExactly(target: Filled, entry: string): boolean {
  if (isBareOrigin(entry)) return false;
  const takesAnyQuery = entry.endsWith(anyQuery);
  const allowed = fillTwice(takesAnyQuery ? entry.slice(0, -anyQuery.length) : entry);
  if (!allowed) return false;
  const [parts, allowedParts] = [fixedParts(target), fixedParts(allowed)];
  if (takesAnyQuery) return areEqual(parts.map(placeOf), allowedParts.map(placeOf));
  return areEqual(parts, allowedParts);
}

/** Rule of the legacy setting `redirectMatching: 'origin'`: query and fragment are not compared. */
function matchesByOrigin({ url, otherwise }: Filled, entry: string): boolean {
  const { origin, pathname } = new URL(entry);
  return url.origin === origin && (isBareOrigin(entry) || [url, otherwise].every((way) => way.pathname === pathname));
}

/**
 * Whether the app's `redirectUrls` allow a target.
 *
 * @param isTrusted whether the target comes from a super admin, a machine user or the app settings. Then an entry
 *   that is a bare origin allows every path
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

/**
 * An entry to suggest, which would allow the template for all callers. If the template has fixed parameters, the entry
 * allows any query where that is possible.
 */
export function entryFor(template: string, filled: Filled): string {
  const named = new URL(template.replace(placeholder, (_, name: string) => `__${name.trim()}__`));
  const restored = (part: string) => part.replace(/__(\w+?)__/g, '{{$1}}');
  const parameters = [...named.searchParams];
  const fixed = fixedPlaces(filled).flatMap((index) => (parameters[index] ? [parameters[index]] : []));
  const { origin, pathname, hash } = named;
  if (fixed.length === 0) return origin + restored(pathname + hash);
  // A fragment cannot follow `?*`.
  return hash === ''
    ? origin + restored(pathname) + anyQuery
    : `${origin}${restored(`${pathname}?${new URLSearchParams(fixed).toString()}${hash}`)}`;
}
