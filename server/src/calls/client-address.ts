import type { FastifyRequest } from 'fastify';
import { bareAddress, isWithin, peerAddress } from '../http/network-address.ts';
import type { Services } from './services.ts';

/**
 * The address of the person behind a request. A backend that calls for its users names theirs in `X-End-User-Ip`;
 * it is believed if the app lists the backend in `trustedBackends`, and anybody else's header means nothing. Only a
 * request with that header reads the app's settings.
 */
export async function clientAddress(services: Services, request: FastifyRequest): Promise<string> {
  const peer = peerAddress(request);
  const named = request.headers['x-end-user-ip'];
  const endUser = typeof named === 'string' ? bareAddress(named) : undefined;
  if (endUser === undefined) return peer;
  const app = await services.apps.named(request);
  return app && isWithin(app.settings.trustedBackends, peer) ? endUser : peer;
}
