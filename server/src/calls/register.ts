import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Services } from './services.ts';
import { type Addressed, principals } from '../access/access.ts';
import { decideAccess } from './decide-access.ts';
import {
  requireMachineScope,
  requireOrganizationMachineAccepted,
  requireOrganizationOfToken,
} from '../access/decide.ts';
import { authenticate, type Caller } from './authenticate.ts';
import { clientAddress } from './client-address.ts';
import { ApiError } from '../http/errors.ts';
import { requireUnrestricted } from '../access/restricted-sessions.ts';
import { asksForAuthentication, requireFreshAuthentication } from './fresh-authentication.ts';
import { serializerOf } from '../http/response-serializer.ts';
import { type Call, isMutation, type Route } from './route.ts';
import { validate, type ValidRequest } from './validate.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The declaration from which the route of the framework was built. */
    route?: Route;
  }
  interface FastifyRequest {
    /** IP address of the end user. Set by the first hook of the route. */
    clientAddress: string;
    /** The authenticated caller. Set by the first hook of the route. */
    caller: Caller | undefined;
    /** Whether a part of the body was still to come when the caller was authenticated. */
    isBodyPending: boolean;
    /** The validated request. Set by the last hook before the handler. */
    call: Call | undefined;
    /**
     * The principals of the caller. Set by `decide-access.ts` when access is granted: before the handler, or by the
     * statement of the handler.
     */
    decided: boolean;
  }
}

/** Refuses to register a route without access, or a mutation without an audit event. */
function checkDeclaration(route: Route): void {
  const where = `${route.method} ${route.url}`;
  if (!route.access) throw new Error(`${where} does not declare its access`);
  if ('principals' in route.access) {
    const unknown = route.access.principals.filter((principal) => !Object.hasOwn(principals, principal));
    if (unknown.length > 0) throw new Error(`${where} declares unknown principals: ${unknown.join(', ')}`);
    if (route.access.principals.length === 0) throw new Error(`${where} allows no caller`);
    const isForMachines = route.access.principals.includes('GENERIC_MACHINE_USER');
    if (isForMachines !== (route.access.machineScope !== undefined))
      throw new Error(`${where} must name a scope if machine users may call it, and only then`);
  }
  if (isMutation(route) && !route.audit)
    throw new Error(`${where} changes something and does not declare its audit event`);
  if (route.idempotency === 'kept' && (route.decidesInStatement || !('principals' in route.access)))
    throw new Error(`${where} cannot store its response, because access is not decided before the handler`);
  if (route.freshAuthentication && 'principals' in route.access && route.access.accessToken)
    throw new Error(`${where} requires fresh authentication, which access tokens never have`);
  if ('principals' in route.access && route.access.principals.includes('ORG_MACHINE_USER'))
    throw new Error(`${where} names ORG_MACHINE_USER, which holds what members hold: accept organizationMachine`);
  if (route.freshAuthenticationFor === 'changes' && route.freshAuthentication !== 'always')
    throw new Error(`${where} exempts unchanged values from fresh authentication, which it does not always require`);
  if (route.freshAuthentication && 'principals' in route.access && route.access.organizationMachine)
    throw new Error(`${where} asks for fresh authentication and accepts machine users of organizations`);
  if (route.authorize && route.decidesInStatement)
    throw new Error(`${where} cannot authorize the caller, because access is not decided before the handler`);
  if (asksForAuthentication(route) && route.decidesInStatement)
    throw new Error(`${where} cannot require fresh authentication, because access is not decided before the handler`);
}

function toCall(
  services: Services,
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  valid: ValidRequest,
): Call {
  const appId = request.caller?.appId ?? '';
  return {
    route,
    params: valid.params,
    query: valid.query,
    body: valid.body,
    appId,
    orgId: valid.orgId,
    actor: request.caller?.actor ?? { kind: 'anonymous' },
    addressed: toAddressed(route, appId, valid),
    held: [],
    idempotencyKey: valid.idempotencyKey,
    client: {
      ip: request.clientAddress,
      userAgent: request.headers['user-agent']?.slice(0, 512),
      requestId: request.id,
    },
    services,
    request,
    reply,
  };
}

function toAddressed(route: Route, appId: string, valid: ValidRequest): Addressed {
  const { access } = route;
  const fromBody = access.target === 'user' && access.from === 'body';
  const userId = fromBody ? (valid.body as { userId: string }).userId : (valid.params['userId'] ?? '');
  return { appId, orgId: valid.orgId, userId, sessionId: valid.params['sessionId'] ?? '' };
}

/** @throws ApiError `prefetch_refused` for a browser that prefetches a page */
function refusePrefetch({ headers }: FastifyRequest): void {
  const purposes = [headers['sec-purpose'], headers['purpose'], headers['x-purpose'], headers['x-moz']];
  if (purposes.some((purpose) => /prefetch|prerender|preview/i.test(String(purpose))))
    throw new ApiError('prefetch_refused');
}

/**
 * Whether the body has not arrived completely. The caller is then authenticated again after the body: otherwise, by
 * holding back the last byte, somebody could act with a credential that was revoked in the meantime.
 */
const isIncomplete = ({ raw }: FastifyRequest): boolean =>
  // A request from inside the process, which has no connection, does not have the property.
  (raw as { complete?: boolean }).complete === false;

/** Registers one declared route: authenticate → validate → authorize → handle → serialize through the schema. */
function register(app: FastifyInstance, services: Services, route: Route): void {
  checkDeclaration(route);
  const { status, body } = route.response;
  app.route({
    method: route.method,
    url: route.url,
    config: { route, takesForm: route.oauth ?? route.page ?? false },
    exposeHeadRoute: route.method === 'GET' && !route.changesState,
    ...(body && {
      schema: { response: { [status]: {} } },
      serializerCompiler: () => (answer: unknown) => serializerOf(body)(answer),
    }),
    onRequest: async (request) => {
      if (route.changesState) refusePrefetch(request);
      request.clientAddress = await clientAddress(services, request);
      request.caller = await authenticate(services, request, route);
      request.isBodyPending = isIncomplete(request);
    },
    preHandler: async (request, reply) => {
      if (request.isBodyPending) request.caller = await authenticate(services, request, route);
      const valid = validate(route, request);
      const call = toCall(services, route, request, reply, valid);
      // Set before the decision on access, so that a refusal can be recorded.
      request.call = call;
      requireOrganizationMachineAccepted(route.access, call.actor);
      requireOrganizationOfToken(route.access, call.actor, call.orgId);
      requireMachineScope(route.access, call.actor);
      requireUnrestricted(route.forRestrictedSessions, call.actor);
      if (route.decidesInStatement) return;
      Object.assign(call, { held: await decideAccess(call) });
      await requireFreshAuthentication(call);
      await route.authorize?.(call);
    },
    handler: async (request, reply) => {
      const call = request.call as Call<never, never, never>;
      const result = await services.idempotency.answerOnce(call, () => route.handler(call));
      if (!request.decided) throw new Error(`${route.operationId} sent a response without a decision on access`);
      if (reply.sent) return reply;
      if (reply.statusCode === 304) return reply.send();
      return status === 204 ? reply.code(status).send() : reply.code(status).send(result);
    },
  });
}

/** Registers every route of the table. Throws if a declaration is invalid, so that the service does not start. */
export function registerRoutes(app: FastifyInstance, services: Services, routes: readonly Route[]): void {
  app.decorateRequest('clientAddress', '');
  app.decorateRequest('caller', undefined);
  app.decorateRequest('isBodyPending', false);
  app.decorateRequest('call', undefined);
  app.decorateRequest('decided', false);
  for (const route of routes) register(app, services, route);
}
