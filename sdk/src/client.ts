import { nouns } from './nouns.ts';
import { type Method, methodOf, type OperationId } from './operations.ts';
import { type ClientOptions, createTransport, type Transport } from './transport.ts';

type Nouns = typeof nouns;

/** Every operation, by noun and verb: `client.organizations.update(orgId, { metadata })`. */
export type Client = {
  readonly [Noun in keyof Nouns]: {
    readonly [Verb in keyof Nouns[Noun]]: Method<Nouns[Noun][Verb] & OperationId>;
  };
};

/** A client with a custom transport. */
export function clientOver(transport: Transport): Client {
  const byNoun = Object.entries(nouns).map(([noun, verbs]) => [
    noun,
    Object.fromEntries(Object.entries(verbs).map(([verb, id]) => [verb, methodOf(transport, id)])),
  ]);
  return Object.fromEntries(byNoun) as Client;
}

/**
 * A client of one app. Calls are retried if this is safe: reads, calls with an `Idempotency-Key` (sent automatically),
 * and refusals that changed nothing.
 *
 * @throws TypeError for an invalid URL or app name
 * @example
 * const client = createClient({ baseUrl: 'https://id.example.com', appName: 'acme', token: sessionToken });
 * await client.organizations.update(orgId, { metadata: { key1: 'value1' } });
 */
export const createClient = (options: ClientOptions): Client => clientOver(createTransport(options));
