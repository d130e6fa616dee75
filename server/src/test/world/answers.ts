import type { LightMyRequestResponse } from 'fastify';

/** A refusal in short form: `404 user_not_found`. */
export const problem = (response: LightMyRequestResponse): string =>
  `${response.statusCode} ${response.json<{ code?: string }>().code}`;

/** The validation errors of a refused request, by their JSON pointers. */
export const faults = (response: LightMyRequestResponse): Record<string, string> =>
  Object.fromEntries(
    (response.json<{ errors?: { pointer: string; message: string }[] }>().errors ?? []).map((fault) => [
      fault.pointer,
      fault.message,
    ]),
  );

/**
 * Returns the response if it has this status.
 *
 * @throws an error with the body, because the preparation of the test failed
 */
export function withStatus(status: number, response: LightMyRequestResponse): LightMyRequestResponse {
  if (response.statusCode === status) return response;
  throw new Error(`expected ${status}, got ${response.statusCode}: ${response.body}`);
}
