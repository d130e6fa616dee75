import { afterAll, beforeAll, expect, it } from 'vitest';
import { platformKey, buildTestApp, type TestApp } from './setup.ts';
import { operations } from './openapi.document.ts';
import { exampleRequests, type ExampleRequest } from './openapi.examples.ts';
import { createWorld, type World } from './world/world.ts';

/** A cursor is sealed for one list, so its example can never be valid. */
const sealed = ['cursor'];

/** Refusals because of values in the examples, not of their form: there is no such code, role or provider. */
const aboutWhatIsNamed = new Set(['code_invalid', 'intent_invalid', 'unknown_role', 'idp_discovery_failed']);

/** Targets of the URL templates in the examples: a URL from a person must match an entry with a path. */
const paths = ['', '/verify', '/reset', '/join', '/signed-in', '/sign-in'];
const settings = {
  redirectUrls: paths.map((path) => `https://app.example.com${path}`),
  audiences: ['https://api.example.com', 'https://billing.example.com'],
};

let test: TestApp;

beforeAll(async () => void (test = await buildTestApp()));
afterAll(() => test?.close());

/** Sends the request as an allowed caller: the operator, a person of the app, or anonymous. */
function send(world: World, path: string, method: string, security: readonly object[], example: ExampleRequest) {
  const isOperators = security.some((one) => 'platformKey' in one);
  const isPublic = !isOperators && security.every((one) => !('bearerToken' in one));
  const token = isOperators ? platformKey : isPublic ? undefined : world.admin.token;
  const url = path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(example.params[name] ?? ''));
  return world.call(method.toUpperCase() as 'GET', `${url}?${new URLSearchParams(example.query).toString()}`, {
    app: isOperators ? null : world.appName,
    headers: example.headers,
    ...(token !== undefined && { token }),
    ...(example.body !== undefined && { body: example.body as object }),
  });
}

const requests = operations.flatMap(({ path, method, operation }) =>
  exampleRequests(operation, sealed).map((example) => ({ path, method, operation, example })),
);

it.each(requests)('$operation.operationId accepts its example', async ({ path, method, operation, example }) => {
  // A separate app, because some of these calls end the session of the caller or deactivate the app.
  const world = await createWorld(test, { settings });
  const response = await send(world, path, method, operation.security, example);
  const { code, errors } = response.statusCode < 400 ? {} : response.json<{ code?: string; errors?: unknown }>();
  const isRefused = response.statusCode === 400 && !aboutWhatIsNamed.has(String(code));
  // Without a valid credential, the rest of the request would not be validated.
  const hasCredential = operation.security.some((one) => Object.keys(one).some((name) => name !== 'appName'));
  const isUnauthenticated = hasCredential && code === 'unauthenticated';
  expect([isRefused, isUnauthenticated, errors]).toEqual([false, false, undefined]);
});
