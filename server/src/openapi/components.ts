/** A reference to a shared component. */
export interface Reference {
  readonly $ref: string;
}

/** Components of one kind that operations share. */
export interface SharedParts<Part extends object> {
  /** The components by name. */
  readonly components: Readonly<Record<string, Part>>;
  /** The part itself, or a reference to its component. */
  readonly refer: (part: Named<Part>) => Part | Reference;
}

/** A part that an operation uses: `orgId` and its parameter, `ETag` and its header. */
export interface Named<Part> {
  readonly name: string;
  readonly part: Part;
}

/** E.g. `X-Request-Id` → `RequestId`, `orgId` → `OrgId`. */
const componentName = (name: string): string =>
  name
    .replace(/^X-/, '')
    .split('-')
    .map((word) => `${word.charAt(0).toUpperCase()}${word.slice(1)}`)
    .join('');

function countUses<Part>(uses: readonly Named<Part>[]): Map<string, Named<Part> & { count: number }> {
  const counted = new Map<string, Named<Part> & { count: number }>();
  for (const use of uses) {
    const key = JSON.stringify(use);
    counted.set(key, { ...use, count: (counted.get(key)?.count ?? 0) + 1 });
  }
  return counted;
}

/**
 * Finds parts that several operations share. If parts of one name differ, the most frequent one becomes the component,
 * and the others stay inline.
 *
 * @param always components that are always included
 */
export function sharePartsOf<Part extends object>(
  kind: 'parameters' | 'headers',
  uses: readonly Named<Part>[],
  always: Readonly<Record<string, Part>>,
): SharedParts<Part> {
  const components: Record<string, Part> = { ...always };
  const references = new Map<string, Reference>();
  const mostUsedFirst = [...countUses(uses)].toSorted(([, a], [, b]) => b.count - a.count);
  for (const [key, { name, part, count }] of mostUsedFirst) {
    const component = componentName(name);
    if (count < 2 || component in components) continue;
    components[component] = part;
    references.set(key, { $ref: `#/components/${kind}/${component}` });
  }
  return {
    components: Object.fromEntries(Object.entries(components).toSorted(([a], [b]) => (a < b ? -1 : 1))),
    refer: ({ name, part }) => references.get(JSON.stringify({ name, part })) ?? part,
  };
}
