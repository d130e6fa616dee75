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

/** A client over a transport of your own. */
export function clientOver(transport: Transport): Client {
  const byNoun = Object.entries(nouns).map(([noun, verbs]) => [
    noun,
    Object.fromEntries(Object.entries(verbs).map(([verb, id]) => [verb, methodOf(transport, id)])),
  ]);
  return Object.fromEntries(byNoun) as Client;
}

/**
 * A client of one app. Calls are repeated where that is safe: reads, calls that the service knows by an
 * `Idempotency-Key` (sent by itself), and refusals before which nothing was changed.
 *
 * @throws TypeError for an address or app name that cannot be one
 * @example
 * const client = createClient({ baseUrl: 'https://id.example.com', appName: 'acme', token: sessionToken });
 * await client.organizations.update(orgId, { metadata: { key1: 'value1' } });
 */
export const createClient = (options: ClientOptions): Client => clientOver(createTransport(options));
