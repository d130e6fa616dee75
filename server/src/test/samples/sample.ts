import type { LightMyRequestResponse } from 'fastify';
import type { Access } from '../../access/access.ts';
import type { ErrorCode } from '../../http/errors.ts';
import { errorsOf } from '../../openapi/route-errors.ts';
import type { AuditAction, Route } from '../../calls/route.ts';
import type { CallerName } from '../access.callers.ts';
import type { Stage } from './stage.ts';
import { type Machine, type Person, type RequestOptions, type World } from '../world/world.ts';
import { platformKey } from '../setup.ts';

/** A caller: its audit identity and its credential. */
export interface Caller {
  readonly kind: 'user' | 'machine' | 'platform' | 'anonymous';
  readonly id: string | null;
  readonly token: string | undefined;
}

export const nobody: Caller = { kind: 'anonymous', id: null, token: undefined };
export const operator: Caller = { kind: 'platform', id: null, token: platformKey };
export const human = ({ userId, token }: Person): Caller => ({ kind: 'user', id: userId, token });
export const robot = ({ machineUserId, token }: Machine): Caller => ({ kind: 'machine', id: machineUserId, token });

/** A prepared call; made by `as`, it succeeds. */
export interface Prepared {
  readonly as: Caller;
  /** The person whose user or session id is the target. */
  readonly addressed?: Caller;
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
  /** The organization header. */
  readonly orgId?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
  /** The same call after minutes have passed, if its body has a code that lasts only seconds. */
  readonly later?: () => Prepared;
  /** Ids of other people and invitations, whose rows must all stay unchanged. */
  readonly bystanders?: readonly string[];
}

/** One sample call of a route, to be made by every kind of caller. */
export interface SampleCall {
  /** Distinguishes several samples of one route. */
  readonly title?: string;
  /**
   * The callers who succeed. Listed here on purpose, although the route declares it, so that a mistake in one place is
   * found.
   */
  readonly admits: 'everyone' | readonly CallerName[];
  /** An additional requirement of this call, with the error code for callers who do not fulfil it. */
  readonly needs?: {
    readonly access: Access;
    readonly otherwise: ErrorCode;
    /** Callers who get another code than other callers without the additional requirement. */
    readonly otherwiseTo?: Readonly<Partial<Record<CallerName, ErrorCode>>>;
  };
  /** Expected results for callers, if they depend on more than the access declaration. */
  readonly outcomes?: Readonly<Partial<Record<CallerName, ErrorCode>>>;
  /** Prepares the call. Each prepared call succeeds, regardless of earlier calls. */
  readonly prepare: (stage: Stage) => Prepared | Promise<Prepared>;
  /** The kind of the audited target, and the field of request or response that contains its id; none: the app. */
  readonly target?: readonly [kind: string, field?: string];
  /** A part of the response that depends on the caller. */
  readonly answers?: (stage: Stage, prepared: Prepared) => object;
  /** Checks the state after the call. @throws the failed expectation */
  readonly afterwards?: (stage: Stage, prepared: Prepared) => Promise<void>;
  /** The organization of the call is deactivated. */
  readonly whileInactive?: true;
  /** The organization of the call is deleted. */
  readonly afterDeletion?: true;
  /** The action of its event, if it is not the declared one. */
  readonly action?: AuditAction;
  /** The organization of its event, if the call does not name it as `orgId`. */
  readonly orgIdOfEvent?: (stage: Stage) => string;
  /** Additional events that the call causes. */
  readonly tellsMore?: readonly AuditAction[];
  /** The call succeeds without a change. */
  readonly isNoOp?: true;
  /** The event of the call has no client address. */
  readonly leavesNoClient?: true;
  /** Words in the body that are names instead of values, and may appear in the audit. */
  readonly names?: readonly string[];
  /** Expected result with ids and secrets of another tenant, if it is not the not-found code of the target. */
  readonly foreign?: ErrorCode | 200;
  /** The same if only one field is foreign, e.g. `body.userId`. */
  readonly foreignIn?: Readonly<Record<string, ErrorCode | 200>>;
}

/** The sample calls of each operation. */
export type SampleCalls = Readonly<Record<string, readonly [SampleCall, ...SampleCall[]]>>;

/** The URL of a prepared call. */
export function urlOf(route: Route, { params = {}, query }: Prepared): string {
  const path = route.url.replace(/:([A-Za-z]+)/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  return query ? `${path}?${new URLSearchParams(query).toString()}` : path;
}

/** Whether a call needs the app header. */
export const isAppNamed = ({ access }: Route): boolean =>
  access.target !== 'platform' && !(access.target === 'public' && (access.app === 'none' || access.app === 'in-path'));

/** The code of a problem document, of a page, or of an error of OAuth, which links to the page of the code. */
function codeOf(response: LightMyRequestResponse): ErrorCode {
  const [, shown] = /data-code="(\w+)"/.exec(response.body) ?? [];
  if (shown !== undefined) return shown as ErrorCode;
  const { code, error_uri: page } = response.json<{ code?: ErrorCode; error_uri?: string }>();
  return code ?? (page?.split('/').at(-1) as ErrorCode);
}

/** A route must not return a code that its documentation does not list. */
function checkListed(route: Route, response: LightMyRequestResponse): void {
  if (response.statusCode < 400) return;
  const code = codeOf(response);
  if (!errorsOf(route).includes(code)) throw new Error(`${route.operationId} answered ${code}, which it does not list`);
}

/**
 * Makes a prepared call with a token.
 *
 * @param app another app header than that of the world; null: none
 */
export async function perform(
  world: World,
  route: Route,
  prepared: Prepared,
  { token, app = world.appName }: { token: string | undefined; app?: string | null },
): Promise<LightMyRequestResponse> {
  const { orgId, headers = {}, body } = prepared;
  const options: RequestOptions = {
    token,
    headers,
    app: isAppNamed(route) ? app : null,
    ...(orgId !== undefined && { orgId }),
    ...(body && (route.oauth || route.page ? { form: body as Readonly<Record<string, string>> } : { body })),
  };
  const response = await world.call(route.method, urlOf(route, prepared), options);
  checkListed(route, response);
  return response;
}

/** The code of a refusal, or the status of a success. */
export const outcomeOf = (response: LightMyRequestResponse): number | ErrorCode =>
  response.statusCode < 400 ? response.statusCode : codeOf(response);
