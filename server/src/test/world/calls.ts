import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { platformKey } from '../setup.ts';

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

export interface RequestOptions {
  /** Name of the app; null sends no header. */
  app?: string | null;
  token?: string | undefined;
  headers?: Record<string, string>;
  body?: unknown;
  /** The body of a form, instead of JSON. */
  form?: Readonly<Record<string, string>>;
  /** The organization header. */
  orgId?: string;
}

/** Calls over HTTP, in process. */
export interface Calls {
  call(method: Method, url: string, options?: RequestOptions): Promise<LightMyRequestResponse>;
  /** A call of the operator: with the platform key and without an app header. */
  operate(method: Method, url: string, body?: unknown): Promise<LightMyRequestResponse>;
}

/** Returns the function that calls the service, by default in the name of this app. */
export const callOf =
  (service: FastifyInstance, appName: string): Calls['call'] =>
  (method, url, { app = appName, token, headers = {}, body, form, orgId } = {}) =>
    service.inject({
      method,
      url,
      headers: {
        ...(app !== null && { 'x-app-name': app }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(orgId !== undefined && { 'x-iam-orgid': orgId }),
        ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...headers,
      },
      ...(form && { payload: new URLSearchParams(form).toString() }),
      ...(body !== undefined && { payload: body as object }),
    });

/** Returns the calls of an app and of its operator. */
export function callsOf(service: FastifyInstance, appName: string): Calls {
  const call = callOf(service, appName);
  return {
    call,
    operate: (method, url, body) =>
      call(method, url, { app: null, headers: { authorization: `Bearer ${platformKey}` }, body }),
  };
}
