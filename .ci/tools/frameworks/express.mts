import express from 'express';
import { createRequireAuth } from '@gatehouse/sdk/express';
declare const baseUrl: string;
const requireAuth = createRequireAuth({ baseUrl, appName: 'acme', audience: 'https://api.example.com' });
const readable = requireAuth((request) => ({ organization: request.params.orgId, permission: 'documents:read' }));
express()
  .get('/organizations/:orgId/documents', readable, (request, response) => {
    response.json({ by: request.actor });
  })
  .get(
    '/x/:orgId',
    requireAuth((request) => ({ organization: request.params.orgId })),
    (request, response) => {
      response.json({ by: request.actor });
    },
  )
  .get('/m', requireAuth({ machines: true }), (request, response) => {
    response.json({ by: request.actor });
  })
  .listen(4000);
