/** Whether the entries of a patched value are set individually. */
export const isGroup = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * Names of the fields that a patch changes, in the form used by the audit (`name`, `metadata.plan`). An empty list
 * means that nothing changes. Each entry of a group, such as metadata, is listed separately.
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
