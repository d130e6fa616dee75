import type { FastifyRequest } from 'fastify';
import { isLoopback } from './loopback.ts';

/** Headers that proxies add. The client of a proxy may be on another machine. */
export const proxyHeaders = [
  'forwarded',
  'via',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-real-ip',
] as const;

/**
 * Whether the caller runs on this machine: a loopback peer, no proxy, and a loopback `Host`. The check of `Host`
 * excludes pages that use DNS rebinding.
 */
export function isLocalCaller({ headers, socket }: FastifyRequest): boolean {
  const host = (headers.host ?? '').replace(/:\d+$/, '');
  const isForwarded = proxyHeaders.some((name) => name in headers);
  return !isForwarded && isLoopback(socket.remoteAddress ?? '') && isLoopback(host);
}
