import { type Actor, type AuthenticatorOptions, createAuthenticator, type Requirement, responseOf } from './server.ts';

type Handler<Context> = (
  request: Request,
  context: Context & { readonly actor: Actor },
) => Response | Promise<Response>;

/**
 * A factory of wrappers for route handlers of Next.js, and of other frameworks that map a `Request` to a `Response`.
 *
 * @example export const GET = withAuth({ organization, permission: 'documents:read' }, (request, { actor }) => …);
 */
export function createWithAuth(options: AuthenticatorOptions) {
  const authorize = createAuthenticator(options);
  return <Context extends object>(
    ask: Requirement | ((request: Request, context: Context) => Requirement),
    handler: Handler<Context>,
  ) =>
    async (request: Request, context: Context): Promise<Response> => {
      const outcome = await authorize(request, typeof ask === 'function' ? ask(request, context) : ask);
      if ('refusal' in outcome) {
        const { body, ...init } = responseOf(outcome.refusal);
        return Response.json(body, init);
      }
      return handler(request, { ...context, actor: outcome.actor });
    };
}
