/** Fills a release of the service through its API, and records the responses of the API. */
import { admin, platformKey, until } from './release-service.js';

const password = 'testJohndoe@12AB';
const authentication = '/v1/authentication';
const authorization = '/v1/authorization';

/** @typedef {{ token?: string, app?: string, headers?: Record<string, string> }} Caller */
/** @typedef {[as: string, path: string, headers?: Record<string, string>]} Read */

/**
 * @param {string} url URL of the release
 * @returns the calls of one caller; each throws unless it succeeds
 */
export const callsTo =
  (url) =>
  /**
   * @param {string} method
   * @param {string} path
   * @param {Caller} [caller]
   * @param {unknown} [body]
   * @returns {Promise<any>} the body of the response
   */
  async (method, path, { token, app = 'demo', headers = {} } = {}, body) => {
    const response = await fetch(url + path, {
      method,
      headers: {
        ...(app !== '' && { 'x-app-name': app }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        connection: 'close',
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  };

/** @param {string} url @returns {(email: string) => Promise<any>} the newest mail with a code to an address */
const mailsOf = (url) => async (email) => {
  let mail;
  await until(`a mail to ${email}`, async () => {
    const { messages } = await callsTo(url)('GET', `/dev/mailbox?to=${encodeURIComponent(email)}`, {
      headers: { accept: 'application/json' },
    });
    return (mail = messages.find((/** @type {any} */ message) => message.code !== undefined));
  });
  return mail;
};

/**
 * People, organizations, roles, machines and pending invitations, created by calls that the release supports. Names
 * begin with `prefix`, so that a database can be filled several times.
 *
 * @param {string} url
 * @param {string} [prefix]
 */
export async function fillRelease(url, prefix = 'a') {
  const call = callsTo(url);
  const mailTo = mailsOf(url);
  const { paths } = await call('GET', '/openapi.json', { app: '' });
  /** @param {string} method @param {string} path */
  const has = (method, path) => paths[path]?.[method.toLowerCase()] !== undefined;
  /** @param {string} name */
  const addressOf = (name) => `${prefix}-${name}@example.com`;

  /** @param {string} name @param {object} [more] @returns {Promise<any>} */
  const signUp = async (name, more = {}) => {
    const body = { firstName: name, lastName: 'Doe', email: addressOf(name), password, ...more };
    const { userId, sessionToken } = await call('POST', `${authentication}/users`, {}, body);
    return { userId, token: sessionToken, email: body.email };
  };
  /** @param {string} name @returns {Promise<any>} a user whose address is verified and whose account is claimed */
  const person = async (name) => {
    const { userId, token, email } = await signUp(name, { metadata: { team: 'blue' }, phoneNumber: '+4915112345678' });
    const { code } = await mailTo(email);
    const body = { userId, verificationCode: code };
    await call('POST', `${authentication}/users/email/verification`, { token }, body);
    return { userId, token, email };
  };

  const superAdmin = await call('POST', `${authentication}/users/sessions`, {}, admin);
  const asAdmin = { token: superAdmin.sessionToken };
  const [owner, manager, member, plain] = [
    await person('owner'),
    await person('manager'),
    await person('member'),
    await person('plain'),
  ];
  await signUp('unverified');

  const customRoles = ['writer', 'reader'].map((key) => ({
    key,
    displayName: key.toUpperCase(),
    allowedPermissions: [`documents:${key}`],
  }));
  const { orgId } = await call('POST', `${authorization}/organizations/setup`, asAdmin, {
    orgName: `${prefix} Acme`,
    adminFirstName: 'Jon',
    adminLastName: 'Doe',
    adminEmail: owner.email,
    customRoles,
    metadata: { plan: 'free', region: 'eu' },
  });
  const organization = `${authorization}/organizations/${orgId}`;
  await call('POST', `${authorization}/organizations/setup`, asAdmin, {
    orgName: `${prefix} Beta`,
    adminFirstName: 'Ada',
    adminLastName: 'Poe',
    adminEmail: addressOf('awaited-owner'),
  });
  const invitee = (/** @type {string} */ email) => ({ email, firstName: 'Max', lastName: 'Li' });
  await call('POST', `${organization}/managers`, owner, invitee(manager.email));
  await call('POST', `${organization}/members`, owner, { ...invitee(member.email), role: 'writer' });
  await call(
    'POST',
    `${authorization}/organizations/users/${plain.userId}`,
    { ...asAdmin, headers: { 'x-iam-orgid': orgId } },
    { roles: ['reader'] },
  );
  const invited = { orgId, email: addressOf('invited') };
  await call('POST', `${organization}/members`, owner, { ...invitee(invited.email), role: 'writer' });
  const { code } = await mailTo(invited.email);
  await call('PATCH', organization, owner, { metadata: { plan: 'pro' } });
  await call('PUT', `${authentication}/users/${member.userId}`, member, { firstName: 'Mia', metadata: { seat: '7' } });

  const robot = await call('POST', `${authorization}/machine-users`, asAdmin, { userName: `${prefix}-robot` });
  const { token: machineToken } = await call(
    'POST',
    `${authentication}/machine-users/access-token`,
    {},
    {
      clientId: robot.clientId,
      clientSecret: robot.clientSecret,
    },
  );
  const secrets = `${authorization}/machine-users/${robot.machineUserId}/secrets`;
  await call('POST', secrets, asAdmin, { label: 'second' });
  await call(
    'POST',
    '/v1/platform/apps',
    { app: '', token: platformKey },
    {
      name: `${prefix}-twin`,
      displayName: 'Twin',
      adminEmail: addressOf('twin'),
      adminPassword: password,
      settings: { allowedOrigins: ['https://twin.example.com'], limits: { signUpsPerAddressPerHour: 5 } },
    },
  );

  const replay = has('GET', '/v1/authorization/super-admins') ? await fillLater() : undefined;

  /** Features after 0.1.0. */
  async function fillLater() {
    const roles = [{ key: 'auditor', displayName: 'Auditor', allowedPermissions: ['audit:read'] }];
    await call('POST', `${authorization}/predefined-roles`, asAdmin, { roles });
    const held = ['writer', 'global:auditor'];
    const inOrganization = { ...asAdmin, headers: { 'x-iam-orgid': orgId } };
    await call('PUT', `${authorization}/organizations/users/${member.userId}/roles`, inOrganization, { roles: held });
    await call('POST', `${authorization}/super-admins`, asAdmin, { email: addressOf('awaited-admin') });
    await call('POST', `${authentication}/users/password/reset-request/email`, {}, { email: plain.email });
    const left = await person('left');
    await call('POST', `${authorization}/users/${left.userId}/deactivate`, asAdmin);
    const settings = { mail: { brandName: 'Acme Cloud' }, sessionIdleSeconds: 86_400 };
    await call('PATCH', `${authorization}/apps/settings`, asAdmin, settings);
    await call(
      'POST',
      `${authentication}/users/sessions`,
      {},
      { email: plain.email, password: 'wrong password' },
    ).catch(() => {});
    const credentials = { clientId: `${prefix}-client`, clientSecret: 'secret of the provider' };
    await call('POST', `${authorization}/idps/google`, asAdmin, credentials);
    await call('POST', `${authorization}/idps/azure`, asAdmin, credentials);
    const wrong = { ...invited, verificationCode: 'AAAAAAA', newPassword: password };
    await call('PUT', `${authentication}/users/invite`, {}, wrong).catch(() => {});
    const key = { 'idempotency-key': `${prefix}-once` };
    const body = { userName: `${prefix}-once` };
    const answer = await call('POST', `${authorization}/machine-users`, { ...asAdmin, headers: key }, body);
    return { as: 'superAdmin', method: 'POST', path: `${authorization}/machine-users`, headers: key, body, answer };
  }

  const tokens = {
    superAdmin: superAdmin.sessionToken,
    owner: owner.token,
    manager: manager.token,
    member: member.token,
    plain: plain.token,
    machine: machineToken,
    platform: platformKey,
    anonymous: undefined,
  };
  return {
    tokens,
    people: [admin, ...[owner, manager, member, plain].map(({ email }) => ({ email, password }))],
    machine: { clientId: robot.clientId, clientSecret: robot.clientSecret },
    invitation: { ...invited, verificationCode: code },
    organization: { path: organization, metadata: { plan: 'pro', region: 'eu' } },
    replay,
    answers: await readRelease(url, tokens, readsOf({ orgId, users: [owner, manager, member, plain], prefix }, has)),
  };
}

/**
 * @param {{ orgId: string, users: any[], prefix: string }} ids
 * @param {(method: string, path: string) => boolean} has
 */
function readsOf({ orgId, users, prefix }, has) {
  const organization = `${authorization}/organizations/${orgId}`;
  const inOrganization = { 'x-iam-orgid': orgId };
  const later = has('GET', '/v1/authorization/super-admins');
  const list = 'page=0&pageSize=100';
  const me = `${authentication}/users/me?includeMetadata=true&includeOrganizations=true`;
  /** @type {Read[]} */
  const reads = [
    ['superAdmin', me],
    ['owner', me],
    ['manager', me],
    ['member', me],
    ['plain', me],
    ['owner', `${authentication}/users/me/sessions`],
    ['owner', organization],
    ['manager', `${organization}?includeMetadata=true`],
    ['machine', `${organization}?includeMetadata=true&includeRoles=true`],
    ['member', `${authorization}/organizations?${list}`],
    ['superAdmin', `${authorization}/machine-users?${list}`],
    ['anonymous', `${authentication}/token/jwks`],
    ['platform', `/v1/platform/apps/${prefix}-twin`],
    ['platform', '/v1/platform/apps/demo'],
  ];
  for (const { userId } of users) reads.push(['machine', `${authentication}/users/${userId}?includeMetadata=true`]);
  if (later)
    reads.push(
      ['machine', `${authorization}/organizations/users?${list}`, inOrganization],
      ['owner', `${organization}/managers?${list}`],
      ['owner', `${organization}/invitations?${list}`],
      ['owner', `${organization}/roles`],
      ['owner', `${organization}/audit-events?pageSize=100`],
      ['superAdmin', `${authorization}/predefined-roles`],
      ['superAdmin', `${authorization}/super-admins?${list}`],
      ['superAdmin', `${authorization}/idps`],
      ['anonymous', `${authentication}/apps/metadata`],
      ['superAdmin', `${authorization}/apps/settings`],
      ['member', `${authentication}/users/me/manager-roles`],
      ['member', `${authentication}/users/me/export`],
    );
  return reads;
}

/**
 * @param {string} url
 * @param {Record<string, string | undefined>} tokens
 * @param {Read[]} reads
 */
async function readRelease(url, tokens, reads) {
  const answers = [];
  for (const [as, path, headers = {}] of reads) {
    const app = as === 'platform' ? '' : 'demo';
    answers.push({ as, path, headers, body: await callsTo(url)('GET', path, { token: tokens[as], app, headers }) });
  }
  return answers;
}

/** Fields that differ between calls, because every call is a use. */
const changing = new Set(['lastSeenAt', 'lastUsedAt', 'expiresAt', 'exportedAt']);

/**
 * Whether a response has the values of another one. Either may have fields that the other build does not have.
 *
 * @param {any} now
 * @param {any} before
 */
function agrees(now, before) {
  if (Array.isArray(before)) {
    return (
      Array.isArray(now) && now.length === before.length && before.every((item, index) => agrees(now[index], item))
    );
  }
  if (typeof before !== 'object' || before === null) return now === before;
  if (typeof now !== 'object' || now === null) return false;
  const shared = Object.keys(before).filter((key) => key in now && !changing.has(key));
  return shared.every((key) => agrees(now[key], before[key]));
}

/**
 * Repeats the reads of a sample with another release on the same database. Settings of the app are those of the last
 * sample, and lists of the whole app grow with each sample.
 *
 * @param {string} url
 * @param {Awaited<ReturnType<typeof fillRelease>>} sample
 * @returns {Promise<string[]>} the differences
 */
export async function readAgain(url, { tokens, answers }) {
  const ofApp =
    /\/machine-users\?|\/apps\/demo$|\/predefined-roles$|\/super-admins\?|apps\/settings$|\/idps$|apps\/metadata$/;
  const own = answers.filter(({ path }) => !ofApp.test(path));
  const reads = own.map(({ as, path, headers }) => /** @type {Read} */ ([as, path, headers]));
  const again = await readRelease(url, tokens, reads);
  return own.flatMap((before, index) => {
    const now = again[index]?.body;
    return agrees(now, before.body)
      ? []
      : [`${before.as} ${before.path}: ${JSON.stringify(before.body)}, now ${JSON.stringify(now)}`];
  });
}
