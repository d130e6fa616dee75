import type { Route } from './route.ts';

export type Method = Route['method'] | 'HEAD';

/** The order in which methods are listed in `Allow`. */
const allMethods: readonly Method[] = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'];

/** A URL of the route table and the methods that it supports. */
export interface Address {
  readonly url: string;
  readonly methods: readonly Method[];
  readonly pattern: RegExp;
}

const isParameter = (segment: string): boolean => segment.startsWith(':');

/** Only routes that change nothing support HEAD. */
const methodsOf = ({ method, changesState }: Route): Method[] =>
  method === 'GET' && !changesState ? ['GET', 'HEAD'] : [method];

function toAddress(url: string, routes: readonly Route[]): Address {
  const declared = new Set(routes.filter((route) => route.url === url).flatMap(methodsOf));
  const escaped = url.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/:[A-Za-z]+/g, '[^/]+');
  return { url, methods: allMethods.filter((method) => declared.has(method)), pattern: new RegExp(`^${escaped}$`) };
}

/** The router's order: at the first segment in which two URLs differ in kind, the literal one comes first. */
const bySpecificity = (one: Address, other: Address): number => {
  const kinds = ({ url }: Address) => url.split('/').map((segment) => (isParameter(segment) ? '1' : '0'));
  return kinds(one).join('').localeCompare(kinds(other).join(''));
};

/** The URLs of the table, sorted so that the first one that matches a path is the address of that path. */
export function addressesOf(routes: readonly Route[]): Address[] {
  const urls = [...new Set(routes.map(({ url }) => url))];
  return urls.map((url) => toAddress(url, routes)).toSorted(bySpecificity);
}

/** Whether a path exists that matches both URLs. */
function overlap(one: Address, other: Address): boolean {
  const [segments, others] = [one.url.split('/'), other.url.split('/')];
  return (
    segments.length === others.length &&
    segments.every((segment, index) => {
      const opposite = others[index] ?? '';
      return segment === opposite || isParameter(segment) || isParameter(opposite);
    })
  );
}

/**
 * Methods that an address does not support, and that the router would route to a less specific address: `GET
 * users/invite` would become `GET users/:userId`, which refuses `invite` as an id.
 *
 * @param addresses in the order of `addressesOf`
 */
export function shadowedMethods(addresses: readonly Address[], address: Address): Method[] {
  const lessSpecific = addresses.slice(addresses.indexOf(address) + 1).filter((other) => overlap(address, other));
  const elsewhere = new Set(lessSpecific.flatMap(({ methods }) => methods));
  return allMethods.filter((method) => elsewhere.has(method) && !address.methods.includes(method));
}
