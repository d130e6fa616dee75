import { z } from 'zod';
import type { Call } from '../calls/route.ts';
import type { TextName } from '../page-texts/texts.ts';
import { proxyHeaders } from '../http/local-caller.ts';

/** A refusal of the API. */
export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly requestId: string;
  /** Names of the faulty fields. */
  readonly fields: readonly string[];
  /** Further members, by code. */
  readonly members: Readonly<Record<string, unknown>>;
  /** The shortest time in seconds until the same request can succeed, for refusals by a limit or under load. */
  readonly retryAfterSeconds?: number;
  /** The text to show. Default: the text for the code. */
  readonly text?: TextName;
}

/** The response of the API: a body, or a refusal. */
export type Answer = { readonly ok: true; readonly body: unknown } | { readonly ok: false; readonly problem: Problem };

interface Asked {
  readonly body?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, string>>;
  /** The organization id for the header that names an organization. */
  readonly organization?: string;
  /** The token of a mail, sent as Bearer token. */
  readonly token?: string | undefined;
}

const problemDocument = z.looseObject({
  status: z.int(),
  code: z.string(),
  requestId: z.string(),
  errors: z.array(z.object({ pointer: z.string() })).default([]),
});

function toProblem(body: unknown, retryAfter: unknown): Problem {
  const { status, code, requestId, errors, ...members } = problemDocument.parse(body);
  const fields = errors.map(({ pointer }) => pointer.replace(/^\/body\//, ''));
  const wait = retryAfter === undefined ? {} : { retryAfterSeconds: Number(retryAfter) };
  return { status, code, requestId, fields, members, ...wait };
}

/** Headers of the browser on which the API bases decisions. */
const passedOn = ['cookie', 'user-agent', 'host', 'x-end-user-ip', ...proxyHeaders];

/**
 * Calls the API of the app within the process, for the browser that opened the page: with its cookies and its address.
 * The cookies of the response are sent to the browser. The API applies access, limits, audit and every other rule, so a
 * page needs none of its own.
 *
 * The page has checked the origin of the request, so the call counts as one of the service's own pages.
 *
 * @param path below `/v1`
 */
export async function callApi(
  { request, reply, client }: Call,
  appName: string,
  [method, path]: readonly ['GET' | 'POST' | 'PUT' | 'DELETE', string],
  { body, query, organization, token }: Asked = {},
): Promise<Answer> {
  const passed = Object.fromEntries(
    passedOn.flatMap((name) => (request.headers[name] ? [[name, request.headers[name]]] : [])),
  );
  const response = await request.server.inject({
    method,
    url: `/v1/${path}`,
    remoteAddress: request.socket.remoteAddress ?? '127.0.0.1',
    headers: {
      ...passed,
      'x-app-name': appName,
      'x-request-id': client.requestId,
      'sec-fetch-site': 'same-origin',
      ...(organization !== undefined && { 'x-iam-orgid': organization }),
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(query && { query }),
    ...(body && { payload: JSON.stringify(body) }),
  });
  const cookies = [response.headers['set-cookie'] ?? []].flat();
  for (const cookie of cookies) reply.header('set-cookie', cookie);
  const content: unknown = response.body === '' ? undefined : JSON.parse(response.body);
  if (response.statusCode < 400) return { ok: true, body: content };
  return { ok: false, problem: toProblem(content, response.headers['retry-after']) };
}
