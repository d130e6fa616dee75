/**
 * Tokens of every kind, right and wrong ones, for programs that verify or introspect tokens as the guides show.
 *
 * The service is known to these programs by the address of a small proxy. It adds a key of this file to the key set of
 * people, so that tokens can be signed here that only one claim makes wrong.
 */
import { createServer } from 'node:http';
import { once } from 'node:events';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import { admin, freePort, platformKey, withService } from '../service.js';

/** The audience of valid tokens: the service in the samples of the guides. */
export const audience = 'https://api.example.com';
const otherAudience = 'https://other.example.com';
const kid = 'key-of-the-check';

/** @typedef {Record<string, string>} Tokens what a token is → the token */

/** @param {string} url @param {string} app */
const callsOf =
  (url, app) =>
  /** @param {string} method @param {string} path @param {string} token @param {object} [body] @param {object} [more] */
  async (method, path, token, body, more = {}) => {
    const answer = await fetch(url + path, {
      method,
      headers: {
        'X-App-Name': app,
        ...(token !== '' && { Authorization: `Bearer ${token}` }),
        ...(body && { 'Content-Type': 'application/json' }),
        ...more,
      },
      ...(body && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? {} : JSON.parse(text);
  };

/** @param {string} token */
const payloadOf = (token) => JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

/** @param {object} part */
const encoded = (part) => Buffer.from(JSON.stringify(part)).toString('base64url');

/**
 * Signs variants of a person's token with the key that the proxy publishes. The first one is right, which shows that
 * the others are refused for what they change.
 *
 * @param {string} token
 * @param {CryptoKey} key
 * @returns {Promise<{ right: string, wrong: Tokens }>}
 */
async function variantsOf(token, key) {
  const claims = payloadOf(token);
  const now = Math.floor(Date.now() / 1000);
  const header = { alg: 'ES256', typ: 'at+jwt', kid };
  /** @param {object} change @param {object} headerChange */
  const sign = (change = {}, headerChange = {}) =>
    new SignJWT(JSON.parse(JSON.stringify({ ...claims, ...change })))
      .setProtectedHeader(JSON.parse(JSON.stringify({ ...header, ...headerChange })))
      .sign(key);
  const [, payload] = token.split('.');
  return {
    right: await sign(),
    wrong: {
      expired: await sign({ iat: now - 1200, nbf: now - 1260, exp: now - 600 }),
      'not valid yet': await sign({ nbf: now + 3600, exp: now + 7200 }),
      'of another issuer': await sign({ iss: `${claims.iss}x` }),
      'without an issuer': await sign({ iss: undefined }),
      'for another audience': await sign({ aud: otherAudience }),
      'without an audience': await sign({ aud: undefined }),
      'without an expiry': await sign({ exp: undefined }),
      'of another kind': await sign({ token_use: 'organization_machine' }),
      'of an unknown kind': await sign({ token_use: 'service' }),
      'without a kind': await sign({ token_use: undefined }),
      'of another type': await sign({}, { typ: 'logout+jwt' }),
      'of an unknown key': await sign({}, { kid: 'nobody' }),
      'without a signature': `${encoded({ alg: 'none', typ: 'at+jwt', kid })}.${payload}.`,
      'with a signature that is not encoded': `${token.split('.').slice(0, 2).join('.')}.%%%`,
    },
  };
}

/** @param {string} service address of the service @param {string} url address of the proxy @param {CryptoKey} key */
async function prepare(service, url, key) {
  const call = callsOf(service, admin.app);
  const settings = { audiences: [audience, otherAudience] };
  await call('PATCH', `/v1/platform/apps/${admin.app}`, platformKey, { settings });
  const signIn = async (inApp = call) =>
    inApp('POST', '/v1/authentication/users/sessions', '', { email: admin.email, password: admin.password });
  const session = (await signIn()).sessionToken;
  const owner = { adminFirstName: 'Ada', adminLastName: 'Byron', adminEmail: 'ada@example.com' };
  const { orgId } = await call('POST', '/v1/authorization/organizations/setup', session, { orgName: 'Acme', ...owner });
  /** @param {object} body */
  const machine = (body) => call('POST', '/v1/authorization/machine-users', session, body);
  const robot = await machine({ userName: 'robot' });
  const client = await machine({ userName: 'documents-api', scopes: ['tokens:read'] });
  const patch = { allowedAudiences: [audience] };
  await call('PATCH', `/v1/authorization/machine-users/${client.machineUserId}`, session, patch);
  /** @param {string} [aud] */
  const machineToken = async (aud) => {
    const { clientId, clientSecret } = robot;
    const body = { clientId, clientSecret, ...(aud && { audience: aud }) };
    return (await call('POST', '/v1/authentication/machine-users/access-token', '', body)).token;
  };
  /** @param {object} body */
  const personToken = async (body, inApp = call, by = session) =>
    (await inApp('POST', '/v1/authentication/users/me/access-token', by, body)).token;

  const other = callsOf(service, 'other');
  await call('POST', '/v1/platform/apps', platformKey, {
    name: 'other',
    displayName: 'Other',
    adminEmail: admin.email,
    adminPassword: admin.password,
    settings: { audiences: [audience] },
  });
  const otherSession = (await signIn(other)).sessionToken;

  const person = await personToken({ audience });
  const { right, wrong } = await variantsOf(person, key);
  return {
    url,
    orgId,
    call,
    session,
    client: { id: client.clientId, secret: client.clientSecret },
    tokens: {
      person: { 'of a person': person },
      machine: { 'of a machine user': await machineToken(audience) },
      session: { 'of a session': session },
      wrong: {
        'of a person, for another service': await personToken({ audience: otherAudience }),
        'of a machine user, for another service': await machineToken(otherAudience),
        'of a machine user, for Gatehouse': await machineToken(),
        'of a person of another app': await personToken({ audience }, other, otherSession),
        'of a session of another app': otherSession,
        'tampered with': `${person.slice(0, -4)}AAAA`,
        'a secret': client.clientSecret,
        'no token': 'nothing',
        ...wrong,
      },
      signedHere: { 'signed by the key of this check': right },
    },
  };
}

/**
 * Forwards a request, and adds a key to the key set of people.
 *
 * @param {import('node:http').IncomingMessage} request
 * @param {import('node:http').ServerResponse} response
 * @param {string} service
 * @param {object} jwk
 */
async function forward(request, response, service, jwk) {
  const chunks = await request.toArray();
  const { authorization, 'content-type': type, 'x-app-name': app } = request.headers;
  const answer = await fetch(service + request.url, {
    method: request.method ?? 'GET',
    headers: {
      ...(authorization && { authorization }),
      ...(type && { 'content-type': type }),
      ...(app && { 'x-app-name': String(app) }),
    },
    ...(chunks.length > 0 && { body: Buffer.concat(chunks) }),
  });
  const text = await answer.text();
  const isKeySet = request.url === `/apps/${admin.app}/oauth/jwks`;
  const body = isKeySet ? JSON.stringify({ keys: [...JSON.parse(text).keys, jwk] }) : text;
  response.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? 'text/plain' }).end(body);
}

/**
 * Runs a function while a service and the proxy are running.
 *
 * @param {(world: Awaited<ReturnType<typeof prepare>>) => Promise<void>} use
 */
export async function withTokens(use) {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' };
  let target = '';
  const proxy = createServer((request, response) => {
    forward(request, response, target, jwk).catch(() => response.writeHead(502).end());
  });
  const port = await freePort();
  await once(proxy.listen(port, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${port}`;
  try {
    await withService(
      async (service) => {
        target = service;
        await use(await prepare(service, url, privateKey));
      },
      { PUBLIC_URL: url },
    );
  } finally {
    proxy.closeAllConnections();
    proxy.close();
  }
}
