import { type Actor, type AuthenticatorOptions, createAuthenticator, type Requirement, responseOf } from './server.ts';

interface Context {
  readonly req: { readonly raw: { readonly headers: Headers }; param(key: string): string | undefined };
  set(key: 'actor', value: Actor): void;
}

/**
 * A factory of middleware for Hono, which stores the actor as `c.get('actor')`; see `createRequireAuth` for Express.
 *
 * @example
 * const app = new Hono<{ Variables: { actor: Actor } }>();
 * app.use('/documents', requireAuth({ organization, permission: 'documents:read' }));
 */
export function createRequireAuth(options: AuthenticatorOptions) {
  const authorize = createAuthenticator(options);
  return <Asked extends Context>(ask: Requirement | ((context: Asked) => Requirement) = {}) =>
    async (context: Asked, next: () => Promise<void>): Promise<Response | undefined> => {
      const outcome = await authorize(context.req.raw, typeof ask === 'function' ? ask(context) : ask);
      if ('refusal' in outcome) {
        const { body, ...init } = responseOf(outcome.refusal);
        return Response.json(body, init);
      }
      context.set('actor', outcome.actor);
      await next();
      return undefined;
    };
}
