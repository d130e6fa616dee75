import type { FastifyReply } from 'fastify';
import { toHeaders } from './express.ts';
import { type Actor, type AuthenticatorOptions, createAuthenticator, type Requirement, responseOf } from './server.ts';

interface Request {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Set by `requireAuth`; decorate the request with it. */
  actor?: Actor | null;
}
declare module 'fastify' {
  interface FastifyRequest {
    /** Set by `requireAuth`. */
    actor?: Actor | null;
  }
}

type Reply = Pick<FastifyReply, 'code'>;

type Hook<Asked> = (request: Asked, reply: Reply) => Promise<unknown>;

/** Creates the hook of a route from its requirement, or from a function of the request that returns the requirement. */
export interface RequireAuth {
  (requirement?: Requirement): Hook<Request>;
  <Asked extends Request>(ask: (request: Asked) => Requirement): Hook<Asked>;
}

/**
 * A factory of `preHandler` hooks for Fastify; see `createRequireAuth` for Express.
 *
 * @example
 * app.decorateRequest('actor', null);
 * app.get('/documents', { preHandler: requireAuth({ organization, permission: 'documents:read' }) }, handler);
 */
export function createRequireAuth(options: AuthenticatorOptions): RequireAuth {
  const authorize = createAuthenticator(options);
  return <Asked extends Request>(ask: Requirement | ((request: Asked) => Requirement) = {}) =>
    async (request: Asked, reply: Reply): Promise<unknown> => {
      const requirement = typeof ask === 'function' ? ask(request) : ask;
      const outcome = await authorize({ headers: toHeaders(request.headers) }, requirement);
      if ('refusal' in outcome) {
        const { status, headers, body } = responseOf(outcome.refusal);
        return reply.code(status).headers(headers).send(body);
      }
      request.actor = outcome.actor;
      return undefined;
    };
}
