import type { FastifyRequest } from 'fastify';
import { isLoopback } from './loopback.ts';

/** Headers that proxies add. A caller behind a proxy can be anywhere. */
const proxyHeaders = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-forwarded-proto', 'x-real-ip'];

/**
 * Whether the caller is on this very machine: a loopback peer, no proxy, and a loopback `Host`, so that no page which
 * rebinds a name to this machine counts.
 */
export function isLocalCaller({ headers, socket }: FastifyRequest): boolean {
  const host = (headers.host ?? '').replace(/:\d+$/, '');
  const isForwarded = proxyHeaders.some((name) => name in headers);
  return !isForwarded && isLoopback(socket.remoteAddress ?? '') && isLoopback(host);
}
