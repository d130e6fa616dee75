import { setFlagsFromString } from 'node:v8';

/**
 * Keeps the values of a request in V8's young generation.
 *
 * Rows and validated values are needed for one request. They survive collections while a request waits for the
 * database. V8 then allocates such values in the old generation, where they and the objects they refer to stay until a
 * full collection.
 */
export function keepValuesYoung(): void {
  setFlagsFromString('--no-allocation-site-pretenuring');
}
