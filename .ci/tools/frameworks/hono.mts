import { Hono } from 'hono';
import type { Actor } from '@gatehouse/sdk/server';
import { createRequireAuth } from '@gatehouse/sdk/hono';
declare const baseUrl: string;
const requireAuth = createRequireAuth({ baseUrl, appName: 'acme' });
const app = new Hono<{ Variables: { actor: Actor } }>();
const readable = requireAuth((c) => ({ organization: c.req.param('orgId'), permission: 'documents:read' }));
app.get('/p/:orgId', readable, (c) => c.json({ by: c.get('actor').kind }));
app.get(
  '/o/:orgId',
  requireAuth((c) => ({ organization: c.req.param('orgId'), permission: 'documents:read' })),
  (c) => c.json({ by: c.get('actor') }),
);
app.get('/m', requireAuth({ machines: true }), (c) => c.json({ by: c.get('actor') }));
