import { describe, expectTypeOf, it } from 'vitest';
import { type BrowserClient, createBrowserClient } from '../src/browser.ts';
import { createClient } from '../src/index.ts';
import type { Client, ErrorCode, GatehouseError, KnownErrorCode, User } from '../src/index.ts';
import type { Actor, AuthenticatorOptions, Outcome, Refusal } from '../src/server.ts';

// The compiler runs these tests: `npm run check` fails if a valid line no longer compiles, or if an invalid one
// compiles. Nothing below is called.
const client: Client = createClient({ baseUrl: 'https://id.example.com', appName: 'demo' });
const calls = (...uncalled: (() => unknown)[]): number => uncalled.length;

describe('the types of calls', () => {
  it('name ids, body and options in this order', () => {
    expectTypeOf(client.organizations.update).parameter(0).toEqualTypeOf<string>();
    type Body = Exclude<Parameters<Client['organizations']['update']>[1], undefined>;
    expectTypeOf<{ metadata: { key1: string } }>().toExtend<Body>();
    expectTypeOf(client.organizations.get).parameters.toExtend<[id: string, ...unknown[]]>();
    calls(
      () => client.organizations.update('1', { metadata: { key1: 'value1' } }),
      () => client.organizations.update('1', { metadata: { key1: null } }, { ifMatch: '"1"' }),
      () => client.users.me(),
      () => client.users.list(),
      () => client.users.list({ pageSize: 10 }),
    );
  });

  it('refuse values that the service would refuse', () => {
    calls(
      // @ts-expect-error the organization is missing
      () => client.organizations.update(),
      // @ts-expect-error an id is a string
      () => client.organizations.update(1, { metadata: {} }),
      // @ts-expect-error there is no such field
      () => client.organizations.update('1', { metadate: {} }),
      // @ts-expect-error metadata is an object of strings
      () => client.organizations.update('1', { metadata: 'key1' }),
      // @ts-expect-error there is no such operation
      () => client.organizations.rename('1', 'Acme'),
      // @ts-expect-error the body is required
      () => client.sessions.signIn(),
      // @ts-expect-error a page size is a number
      () => client.users.list({ pageSize: 'many' }),
      // @ts-expect-error only lists can be walked through
      () => client.users.me.each(),
    );
  });

  it('know the answers', () => {
    expectTypeOf(client.organizations.update).returns.resolves.toEqualTypeOf<{ message: string }>();
    expectTypeOf(client.users.me).returns.resolves.toExtend<{ userId: string; email: string }>();
    const each = () => client.users.list.each();
    expectTypeOf(each).returns.toEqualTypeOf<AsyncIterableIterator<User>>();
  });
});

describe('the types of errors', () => {
  it('complete the known codes, and accept a later one', () => {
    expectTypeOf<'access_denied'>().toExtend<KnownErrorCode>();
    expectTypeOf<'a_code_of_tomorrow'>().not.toExtend<KnownErrorCode>();
    expectTypeOf<'a_code_of_tomorrow'>().toExtend<ErrorCode>();
    expectTypeOf<GatehouseError['code']>().toEqualTypeOf<ErrorCode>();
  });
});

describe('the types of clients and servers', () => {
  it('the constructors require an address and an app, and no token in a browser', () => {
    calls(
      () => createClient({ baseUrl: 'https://id.example.com', appName: 'demo' }),
      // @ts-expect-error the app is missing
      () => createClient({ baseUrl: 'https://id.example.com' }),
      // @ts-expect-error a browser client finds its token itself
      () => createBrowserClient({ baseUrl: 'https://id.example.com', appName: 'demo', token: 'gh_s_…' }),
    );
    expectTypeOf<BrowserClient>().toExtend<Client>();
    expectTypeOf<AuthenticatorOptions>().not.toHaveProperty('token');
  });

  it('the compiler separates people from machines before data of a person can be read', () => {
    const read = (actor: Actor) => {
      // @ts-expect-error a machine has no address
      calls(() => actor.email);
      return actor.kind === 'user' ? actor.email : undefined;
    };
    expectTypeOf(read).returns.toEqualTypeOf<string | undefined>();
    expectTypeOf<Outcome>().toEqualTypeOf<{ readonly actor: Actor } | { readonly refusal: Refusal }>();
  });
});
