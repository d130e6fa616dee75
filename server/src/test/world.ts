import type { FastifyInstance, LightMyRequestResponse } from 'fastify';
import { createApp, prepareApp } from '../accounts/create-app.ts';
import type { SettingsPatch } from '../apps/apps.schema.ts';
import { empty, type Sql, sql } from '../db/db.ts';
import { limitNames } from '../limits/limits.ts';
import { isSecurityEvent } from './calls.digest.ts';
import { platformKey, type TestApp } from './setup.ts';

export const password = 'Password@123JonDoeInc';

type Method = 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'OPTIONS';

export interface RequestOptions {
  /** Name of the app; null sends no header. */
  app?: string | null;
  token?: string | undefined;
  headers?: Record<string, string>;
  body?: unknown;
  /** The organization header. */
  orgId?: string;
}

/** A person of an app, signed in. */
export interface Person {
  readonly userId: string;
  readonly email: string;
  readonly token: string;
  readonly sessionId: string;
}

export interface Machine {
  readonly machineUserId: string;
  readonly clientSecret: string;
  readonly secretId: string;
  readonly token: string;
}

/** A mail of the development mailbox. */
export interface Mail {
  readonly to: string;
  readonly purpose: string;
  readonly code?: string;
  readonly url?: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** What the audit was told, as stored. */
export interface AuditEvent {
  readonly action: string;
  readonly actor: string;
  readonly target: string;
  readonly changes: readonly string[];
  readonly claimedOnBehalfOf: string | null;
}

/** A refusal as the audit knows it. */
export interface SecurityEvent extends AuditEvent {
  readonly count: number;
}

/** A refusal in short: `404 user_not_found`. */
export const problem = (response: LightMyRequestResponse): string =>
  `${response.statusCode} ${response.json<{ code?: string }>().code}`;

/** The faults of a refused request, by where they are. */
export const faults = (response: LightMyRequestResponse): Record<string, string> =>
  Object.fromEntries(
    (response.json<{ errors?: { pointer: string; message: string }[] }>().errors ?? []).map((fault) => [
      fault.pointer,
      fault.message,
    ]),
  );

/** An app to play in: calls go over HTTP, people are made as people are made. */
export interface World {
  readonly test: TestApp;
  readonly appName: string;
  readonly appId: string;
  readonly admin: Person;
  call(method: Method, url: string, options?: RequestOptions): Promise<LightMyRequestResponse>;
  /** Signs a person up; `verified` proves their address with the code of the mail. */
  person(options?: { email?: string; verified?: boolean }): Promise<Person>;
  signIn(email: string): Promise<Person>;
  /** Makes a session fresh again: the super admin's by default. */
  reauthenticate(who?: { token: string }): Promise<void>;
  /** An organization with this owner, set up by the super admin. */
  organization(
    owner: Person,
    options?: { name?: string; roles?: string[]; metadata?: Record<string, string> },
  ): Promise<string>;
  manager(orgId: string): Promise<Person>;
  member(orgId: string, role?: string): Promise<Person>;
  machine(name?: string): Promise<Machine>;
  /** The newest mail to an address. */
  mail(
    to: string,
  ): Promise<{ code?: string; url?: string; purpose: string; subject: string; text: string; html: string }>;
  /** All mails to an address, newest first. */
  mails(to: string): Promise<Mail[]>;
  /** What the audit of the app was told of changes, oldest first. */
  events(): Promise<AuditEvent[]>;
  /** What it was told of refusals, oldest first. */
  securityEvents(): Promise<SecurityEvent[]>;
  /** A call of the operator: the platform key, no app header. */
  operate(method: Method, url: string, body?: unknown): Promise<LightMyRequestResponse>;
  /** How many rows the app has of each kind: what a refusal must not change. */
  rows(): Promise<Record<string, string>>;
}

/** A test's people all come from one address and at one moment; a test of a limit says how far it goes. */
const endless = Object.fromEntries(limitNames.map((name) => [name, 100_000]));

let counter = 0;
const unique = (prefix: string): string => `${prefix}-${(counter += 1)}`;

function check(response: LightMyRequestResponse, status: number): LightMyRequestResponse {
  if (response.statusCode !== status)
    throw new Error(`expected ${status}, got ${response.statusCode}: ${response.body}`);
  return response;
}

/** How calls are made to an app of the service. */
export const callOf =
  (service: FastifyInstance, appName: string): World['call'] =>
  (method, url, { app = appName, token, headers = {}, body, orgId } = {}) =>
    service.inject({
      method,
      url,
      headers: {
        ...(app !== null && { 'x-app-name': app }),
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(orgId !== undefined && { 'x-iam-orgid': orgId }),
        ...headers,
      },
      ...(body !== undefined && { payload: body as object }),
    });

/** Makes an app with its super admin and everything to fill it. */
export async function createWorld(
  test: TestApp,
  options: { name?: string; settings?: SettingsPatch } = {},
): Promise<World> {
  const appName = options.name ?? unique('app');
  const adminEmail = `admin@${appName}.example`;
  const prepared = await prepareApp(test.services, {
    name: appName,
    displayName: appName,
    adminEmail,
    adminPassword: password,
    settings: {
      redirectUrls: ['https://app.example.com'],
      ...options.settings,
      limits: { ...endless, ...options.settings?.limits },
    },
  });
  await test.db.transaction((tx) => createApp(tx, test.services, prepared));

  const call = callOf(test.app, appName);

  const mails: World['mails'] = async (to) => {
    const response = check(
      await call('GET', `/dev/mailbox?to=${encodeURIComponent(to)}`, { app: null, headers: { host: 'localhost' } }),
      200,
    );
    return response.json<{ messages: Mail[] }>().messages;
  };

  const mail: World['mail'] = async (to) => {
    const [newest] = await mails(to);
    if (!newest) throw new Error(`no mail to ${to}`);
    return newest;
  };

  /** People come back with the device that they came with. */
  const devices = new Map<string, string>();
  const keepDevice = (email: string, { headers }: LightMyRequestResponse) => {
    const token = headers['x-device-token'];
    if (typeof token === 'string') devices.set(email, token);
  };

  const signIn: World['signIn'] = async (email) => {
    const known = devices.get(email);
    const headers = { ...(known !== undefined && { 'x-device-token': known }) };
    const url = '/v1/authentication/users/sessions';
    const response = check(await call('POST', url, { body: { email, password }, headers }), 201);
    keepDevice(email, response);
    const { userId, sessionToken, sessionId } = response.json<{
      userId: string;
      sessionToken: string;
      sessionId: string;
    }>();
    return { userId, email, token: sessionToken, sessionId };
  };

  const verify = async ({ userId, email, token }: Person) => {
    const { code } = await mail(email);
    const body = { userId, verificationCode: code };
    check(await call('POST', '/v1/authentication/users/email/verification', { token, body }), 200);
  };

  const person: World['person'] = async ({ email = `${unique('person')}@example.com`, verified = true } = {}) => {
    const body = { firstName: 'Jon', lastName: 'Doe', email, password };
    const response = check(await call('POST', '/v1/authentication/users', { body }), 201);
    keepDevice(email, response);
    const { userId, sessionToken, sessionId } = response.json<{
      userId: string;
      sessionToken: string;
      sessionId: string;
    }>();
    const made = { userId, email, token: sessionToken, sessionId };
    if (verified) await verify(made);
    return made;
  };

  const admin = await signIn(adminEmail);
  // The mail about the admin's first device is not what a test looks for in their mailbox.
  await test.db.query(sql`DELETE FROM mails WHERE app_id = ${prepared.id}`);

  const reauthenticate: World['reauthenticate'] = async ({ token } = admin) => {
    const body = { currentPassword: password };
    check(await call('POST', '/v1/authentication/users/me/reauthentication', { token, body }), 200);
  };

  const organization: World['organization'] = async (
    owner,
    { name = unique('Organization'), roles = ['reader', 'writer'], metadata } = {},
  ) => {
    const customRoles = roles.map((key) => ({ key, displayName: key, allowedPermissions: [`documents:${key}`] }));
    const body = {
      orgName: name,
      adminFirstName: 'Jon',
      adminLastName: 'Doe',
      adminEmail: owner.email,
      customRoles,
      ...(metadata && { metadata }),
    };
    const response = check(
      await call('POST', '/v1/authorization/organizations/setup', { token: admin.token, body }),
      201,
    );
    return response.json<{ orgId: string }>().orgId;
  };

  const grant = async (orgId: string, noun: string, extra: object): Promise<Person> => {
    const made = await person();
    const body = { email: made.email, firstName: 'Jon', lastName: 'Doe', ...extra };
    check(await call('POST', `/v1/authorization/organizations/${orgId}/${noun}`, { token: admin.token, body }), 201);
    return made;
  };

  const machine: World['machine'] = async (name = unique('robot')) => {
    const made = check(
      await call('POST', '/v1/authorization/machine-users', { token: admin.token, body: { userName: name } }),
      201,
    );
    const { machineUserId, clientId, clientSecret, secretId } =
      made.json<Record<'machineUserId' | 'clientId' | 'clientSecret' | 'secretId', string>>();
    const response = check(
      await call('POST', '/v1/authentication/machine-users/access-token', { body: { clientId, clientSecret } }),
      200,
    );
    return { machineUserId, clientSecret, secretId, token: response.json<{ token: string }>().token };
  };

  const eventsWhere = <Event extends AuditEvent>(condition: Sql, more = empty) =>
    test.db.query<Event>(sql`
      SELECT action, actor_kind || ' ' || COALESCE(actor_id::text, '') AS actor,
        target_kind || ' ' || COALESCE(target_id::text, '') AS target, changes,
        claimed_on_behalf_of AS "claimedOnBehalfOf" ${more}
      FROM audit_events WHERE app_id = ${prepared.id} AND ${condition} ORDER BY id`);

  const rows: World['rows'] = async () => {
    const [counts] = await test.db.query<Record<string, string>>(sql`
      SELECT (SELECT count(*) FROM users WHERE app_id = ${prepared.id}) AS users,
        (SELECT count(*) FROM sessions WHERE app_id = ${prepared.id}) AS sessions,
        (SELECT count(*) FROM organizations WHERE app_id = ${prepared.id}) AS organizations,
        (SELECT count(*) FROM members WHERE app_id = ${prepared.id}) AS members,
        (SELECT count(*) FROM member_roles WHERE app_id = ${prepared.id}) AS member_roles,
        (SELECT count(*) FROM roles WHERE app_id = ${prepared.id}) AS roles,
        (SELECT count(*) FROM invitations WHERE app_id = ${prepared.id}) AS invitations,
        (SELECT count(*) FROM codes WHERE app_id = ${prepared.id}) AS codes,
        (SELECT count(*) FROM machine_users WHERE app_id = ${prepared.id}) AS machine_users,
        (SELECT count(*) FROM machine_secrets WHERE app_id = ${prepared.id}) AS machine_secrets,
        (SELECT count(*) FROM mails WHERE app_id = ${prepared.id}) AS mails,
        (SELECT count(*) FROM audit_events WHERE app_id = ${prepared.id} AND NOT ${isSecurityEvent}) AS audit_events`);
    return counts ?? {};
  };

  return {
    test,
    appName,
    appId: prepared.id,
    admin,
    call,
    person,
    signIn,
    reauthenticate,
    organization,
    manager: (orgId) => grant(orgId, 'managers', {}),
    member: (orgId, role = 'reader') => grant(orgId, 'members', { role }),
    machine,
    mail,
    mails,
    events: () => eventsWhere(sql`NOT ${isSecurityEvent}`),
    securityEvents: () => eventsWhere<SecurityEvent>(isSecurityEvent, sql`, count`),
    rows,
    operate: (method, url, body) =>
      call(method, url, { app: null, headers: { authorization: `Bearer ${platformKey}` }, body }),
  };
}
