import { type Actor, type AuthenticatorOptions, createAuthenticator, type Requirement, responseOf } from './server.ts';

interface Request {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Set by `requireAuth`. */
  actor?: Actor;
}
interface Response {
  setHeader(name: string, value: string): unknown;
  status(code: number): { json(body: unknown): unknown };
}
/** The default type of the request, as in `const readable = requireAuth((request) => …)`. */
interface RoutedRequest extends Request {
  readonly params: Readonly<Record<string, string>>;
}

declare global {
  // The namespace that the types of Express read.
  // oxlint-disable-next-line typescript/no-namespace
  namespace Express {
    interface Request {
      /** Set by `requireAuth`. */
      actor?: Actor;
    }
  }
}
type Ask<Asked> = Requirement | ((request: Asked) => Requirement);

/** Converts headers of Node.js to the web platform's class. */
export function toHeaders(headers: Request['headers']): Headers {
  const result = new Headers();
  for (const name of ['authorization', 'cookie']) {
    const value = headers[name];
    if (typeof value === 'string') result.set(name, value);
  }
  return result;
}

/**
 * A factory of middleware for Express: a route continues with `request.actor`, or is refused with 401, 403, 404, 429 or
 * 503.
 *
 * @example
 * const requireAuth = createRequireAuth({ baseUrl, appName: 'acme' });
 * app.get('/organizations/:orgId/documents',
 *   requireAuth((request) => ({ organization: request.params.orgId, permission: 'documents:read' })), handler);
 */
export function createRequireAuth(options: AuthenticatorOptions) {
  const authorize = createAuthenticator(options);
  return <Asked extends Request = RoutedRequest>(ask: Ask<Asked> = {}) =>
    async (request: Asked, response: Response, next: (error?: unknown) => void): Promise<void> => {
      try {
        const requirement = typeof ask === 'function' ? ask(request) : ask;
        const outcome = await authorize({ headers: toHeaders(request.headers) }, requirement);
        if ('refusal' in outcome) {
          const { status, headers, body } = responseOf(outcome.refusal);
          for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
          response.status(status).json(body);
          return;
        }
        request.actor = outcome.actor;
      } catch (error) {
        next(error);
        return;
      }
      next();
    };
}
