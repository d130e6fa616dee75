import type { FastifyRequest } from 'fastify';
import { bareAddress, isWithin, peerAddress } from '../http/network-address.ts';
import type { Services } from './services.ts';

/**
 * The IP address of the end user. A backend sends the address of its user in `X-End-User-Ip`. The header is ignored
 * unless the app lists the address of the backend in `trustedBackends`. Only requests with the header read the app
 * settings.
 */
export async function clientAddress(services: Services, request: FastifyRequest): Promise<string> {
  const peer = peerAddress(request);
  const named = request.headers['x-end-user-ip'];
  const endUser = typeof named === 'string' ? bareAddress(named) : undefined;
  if (endUser === undefined) return peer;
  const app = await services.apps.named(request);
  return app && isWithin(app.settings.trustedBackends, peer) ? endUser : peer;
}
