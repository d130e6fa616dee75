import { createWithAuth } from '@gatehouse/sdk/next';

declare const baseUrl: string;
interface Context {
  readonly params: Promise<{ orgId: string }>;
}

const withAuth = createWithAuth({ baseUrl, appName: 'acme' });
export const GET = withAuth({ machines: true }, (request, { actor }) => Response.json([request.url, actor.kind]));
export const POST = withAuth<Context>({ machines: true }, async (_request, { actor, params }) =>
  Response.json([(await params).orgId, actor.kind]),
);
