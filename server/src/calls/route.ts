import type { FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import type { LimitName } from '../limits/limits.ts';
import type { Services } from './services.ts';
import type { Access, Addressed, Held } from '../access/access.ts';
import type { Actor, SessionRestriction } from '../access/actor.ts';
import type { FreshAuthentication } from '../access/required-authentication.ts';
import type { ErrorCode } from '../http/errors.ts';

/** The name of an audit event: a noun and a past participle. */
export type AuditAction = `${string}.${string}`;

/** A mutation that deliberately writes no audit event, with the reason. */
export interface NoAudit {
  readonly none: string;
}

/** Declares that a mutating route writes no event, because … */
export const noAudit = (reason: string): NoAudit => ({ none: reason });

/** A creating route that stores no response for idempotency keys, with the reason. */
export interface NothingKept {
  readonly none: string;
}

/** Declares that a POST ignores idempotency keys, because … */
export const nothingKept = (reason: string): NothingKept => ({ none: reason });

export type Tag = 'authentication' | 'authorization' | 'idp-authentication' | 'platform';

/** Address and user agent of the client. */
export interface Client {
  readonly ip: string;
  readonly userAgent: string | undefined;
  readonly requestId: string;
}

/** Everything that a handler may use: the validated request, the caller, the caller's principals, and the services. */
export interface Call<Params = unknown, Query = unknown, Body = unknown> {
  readonly route: Route;
  readonly params: Params;
  readonly query: Query;
  readonly body: Body;
  /** The app in the header; empty on routes without an app. */
  readonly appId: string;
  /** The organization that is the target of the route; empty on other routes. */
  readonly orgId: string;
  readonly actor: Actor;
  readonly addressed: Addressed;
  readonly held: Held;
  /** The idempotency key, on routes that store their response. */
  readonly idempotencyKey: string | undefined;
  readonly client: Client;
  readonly services: Services;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

interface RouteBase<
  Params extends z.ZodType,
  Query extends z.ZodType,
  Body extends z.ZodType,
  Answer extends z.ZodType,
> {
  /** Path with `:name` parameters. */
  readonly url: string;
  /** Verb and noun, unique; names the operation in the OpenAPI document and the SDK. */
  readonly operationId: string;
  readonly tag: Tag;
  readonly summary: string;
  readonly description: string;
  readonly access: Access;
  /**
   * People need an authentication within the last ten minutes (contract 2.20), by their strongest factor if they
   * have a second factor. Machine users are exempt.
   */
  readonly freshAuthentication?: FreshAuthentication;
  /**
   * `changes`: a call that sets the stored values is exempt. The handler compares them under the lock of the row, and
   * calls `requireFreshForChange` if a value changes, because the row can change until it is locked.
   */
  readonly freshAuthenticationFor?: 'changes';
  /**
   * Whether this call is exempt because of its caller and body. Synchronous, so that it cannot read stored values: see
   * `freshAuthenticationFor`.
   */
  isExemptFromFreshAuthentication?(call: Call<z.output<Params>, z.output<Query>, z.output<Body>>): boolean;
  /**
   * Whether the call grants or removes rights. If so, super admins who have a second factor, or whose app requires one,
   * must have used it within the last ten minutes. Default: whether the operation over an organization is `grant`.
   */
  readonly grants?: boolean;
  /**
   * Refuses callers for reasons that `access` cannot declare, such as settings of the app or the body. Runs after the
   * declared access is decided, and before a stored response is replayed.
   */
  authorize?(call: Call<z.output<Params>, z.output<Query>, z.output<Body>>): void | Promise<void>;
  /** The kinds of restricted sessions that may call. Absent: they are refused. */
  readonly forRestrictedSessions?: readonly SessionRestriction[];
  /** Rate limit per client address, checked directly after the app. */
  readonly addressLimit?: LimitName;
  /** The call reads the device token that the caller may send, and returns one. */
  readonly knowsDevice?: true;
  readonly params?: Params;
  readonly query?: Query;
  readonly body?: Body;
  readonly response: {
    readonly status: 200 | 201 | 204 | 302 | 303 | 308;
    readonly description: string;
    readonly body?: Answer;
    /** Header name → description. */
    readonly headers?: Readonly<Record<string, string>>;
  };
  /** The codes of this route, in addition to those implied by its access, method and schemas. */
  readonly errors?: readonly ErrorCode[];
  /**
   * `kept`: the response to a call with an `Idempotency-Key` is stored for a day and replayed (contract 1.7). The
   * response must equal the result of the only `mutate` call of the handler, so that it is stored in the transaction of
   * the change.
   */
  readonly idempotency?: 'kept' | NothingKept;
  /**
   * The statement of the handler decides on access, instead of an earlier query: by the declared principals
   * (`decide-in-statement.ts`), or by its own list (`mutateOrganization`).
   */
  readonly decidesInStatement?: 'by-declaration' | 'by-own-list';
  /** A GET that changes something, because browsers are redirected to it. HEAD and prefetch requests are refused. */
  readonly changesState?: true;
  /**
   * An endpoint of OAuth for standard clients: it takes a form instead of JSON, ignores unknown parameters and returns
   * errors of OAuth.
   *
   * @see RFC 6749, sections 3.2 and 5.2
   */
  readonly oauth?: true;
  /** A hosted page: it takes a form instead of JSON, and its refusals are pages. */
  readonly page?: true;
  /** Omitted from the OpenAPI document: pages and probes without a JSON response. */
  readonly hidden?: true;
  readonly handler: (
    call: Call<z.output<Params>, z.output<Query>, z.output<Body>>,
  ) => Promise<z.input<Answer>> | z.input<Answer>;
}

type ReadOrMutation =
  | { readonly method: 'GET'; readonly audit?: never }
  | { readonly method: 'POST' | 'PUT' | 'PATCH' | 'DELETE'; readonly audit: AuditAction | NoAudit };

/** A route as other modules see it, without the types of its parts. */
export type Route = Omit<RouteBase<z.ZodType, z.ZodType, z.ZodType, z.ZodType>, 'handler'> &
  ReadOrMutation & { readonly handler: (call: Call<never, never, never>) => unknown };

/**
 * Declares a route. The framework, the access check, the audit, the OpenAPI document and the generated tests all read
 * this declaration. `access` is required; so is `audit` unless the method is GET.
 *
 * @example export const organizationRoutes = [ route({ method: 'GET', url: '/v1/authorization/organizations/:orgId',
 *   operationId: 'getOrganization', tag: 'authorization', summary: 'Get an organization', description: '…', access:
 *   overOrganization('see', 'GENERIC_MACHINE_USER', 'ORG_MEMBER'), params: organizationParams, response: { status: 200,
 *   description: 'The organization.', body: organization }, handler: ({ services, appId, orgId }) =>
 *   getOrganization(services.db, appId, orgId), }), ];
 */
export function route<
  Params extends z.ZodType = z.ZodType<Record<string, never>>,
  Query extends z.ZodType = z.ZodType<Record<string, never>>,
  Body extends z.ZodType = z.ZodType<undefined>,
  Answer extends z.ZodType = z.ZodType<unknown, void>,
>(definition: RouteBase<Params, Query, Body, Answer> & ReadOrMutation): Route {
  return definition;
}

/** Whether a route changes anything. */
export const isMutation = (definition: Route): boolean => definition.method !== 'GET';
