import { isDeepStrictEqual } from 'node:util';

/**
 * Names of the fields of a patch whose value differs from the stored one.
 *
 * @param patch the validated body; fields that are `undefined` are absent
 */
export const differingFields = <Patch extends object>(
  patch: Patch,
  stored: Readonly<Record<keyof Patch, unknown>>,
): (keyof Patch & string)[] =>
  (Object.keys(patch) as (keyof Patch & string)[]).filter(
    (name) => patch[name] !== undefined && !isDeepStrictEqual(patch[name], stored[name]),
  );
