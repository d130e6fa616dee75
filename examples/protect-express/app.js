/** Documents of organizations: people and API keys need a permission there, machine users of the app may read. */
import express from 'express';
import { machineClient } from '@gatehouse/sdk';
import { createRequireAuth } from '@gatehouse/sdk/express';

const { GATEHOUSE_URL: baseUrl, CLIENT_ID: clientId = '', CLIENT_SECRET: clientSecret = '' } = process.env;
if (!baseUrl) throw new Error('GATEHOUSE_URL is missing. Set it to the URL of Gatehouse.');
const requireAuth = createRequireAuth({
  baseUrl,
  appName: 'demo',
  audience: 'https://api.example.com',
  apiKeys: machineClient({ baseUrl, appName: 'demo', clientId, clientSecret }),
  onFault: console.error, // Gatehouse cannot be reached, or refuses the credential of this server: the response is 503
});
const may = (permission, machines = false) =>
  requireAuth(({ params }) => ({ organization: params.orgId, permission, machines }));

const documents = new Map();
const app = express();
app.get('/organizations/:orgId/documents', may('documents:read', true), ({ params }, response) => {
  response.json(documents.get(params.orgId) ?? []);
});
app.post('/organizations/:orgId/documents', may('documents:write'), ({ params }, response) => {
  const own = documents.get(params.orgId) ?? [];
  documents.set(params.orgId, [...own, `document ${own.length + 1}`]);
  response.json(documents.get(params.orgId));
});
const port = Number(process.env['PORT'] ?? 4000);
app.listen(port, '127.0.0.1', (error) => {
  if (error) throw error;
  process.stdout.write(`The server listens on http://127.0.0.1:${port}\n`);
});
