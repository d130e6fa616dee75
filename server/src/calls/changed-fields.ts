/** Whether a value of a patch has entries that are set one by one. */
export const isGroup = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The names of what a patch changes, as the audit has them (`name`, `metadata.plan`); none: there is nothing to do.
 * Of a group, such as metadata, each entry counts by itself.
 *
 * @param patch the validated body; fields that are `undefined` are absent
 */
export function changedFields(patch: object): string[] {
  const named = Object.entries<unknown>({ ...patch }).filter(([, value]) => value !== undefined);
  const fields = named.filter(([, value]) => !isGroup(value)).map(([name]) => name);
  const entries = named.flatMap(([name, value]) =>
    isGroup(value) ? Object.keys(value).map((key) => `${name}.${key}`) : [],
  );
  return [...fields, ...entries];
}
