import fastify from 'fastify';
import { createRequireAuth } from '@gatehouse/sdk/fastify';
declare const baseUrl: string;
const requireAuth = createRequireAuth({ baseUrl, appName: 'acme' });
const app = fastify();
app.decorateRequest('actor', null);
app.get<{ Params: { orgId: string } }>(
  '/o/:orgId',
  { preHandler: requireAuth((request) => ({ organization: request.params.orgId })) },
  (request) => ({ by: request.actor }),
);
app.get('/m', { preHandler: requireAuth({ machines: true }) }, (request) => ({ by: request.actor }));
