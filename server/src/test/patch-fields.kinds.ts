import type { LightMyRequestResponse } from 'fastify';
import { expect } from 'vitest';
import { sendPasswordResets } from '../accounts/send-password-resets.ts';
import { human, nobody, operator, outcomeOf, type Prepared } from './samples/sample.ts';
import { goThrough, registerProvider } from './identity-flow.ts';
import { TestProvider } from './identity-provider.ts';
import { kindsOfOrganizations } from './patch-fields.organizations.ts';
import { assertionParts, relyingPartyParts } from './patch-fields.passkeys.ts';
import { halfSignedIn } from './samples/factors.ts';
import { enableOrganizationMachines } from './samples/stage.ts';
import { runTask } from './tasks.ts';
import { keysOf, organizationKey, personalKey } from './world/api-keys.ts';
import { withStatus } from './world/answers.ts';
import { enrol, factorsUrl } from './world/factors.ts';
import { unique } from './world/names.ts';
import { password, type World } from './world/world.ts';

type Body = Readonly<Record<string, unknown>>;

/** The resource that a PATCH or PUT changes. */
export interface Thing {
  /** Prepares a call. Its body contains the fields that each call needs, such as a code; most calls need none. */
  readonly prepare: () => Prepared | Promise<Prepared>;
  /** Reads the resource with its GET, with the field names of the body. */
  readonly read: (sent: Body) => Promise<unknown>;
}

/** A resource in its world, and the route that changes it. */
export interface Subject {
  readonly world: World;
  readonly thing: Thing;
  readonly send: (prepared: Prepared) => Promise<LightMyRequestResponse>;
}

/** A field that no GET returns. */
export interface Unseen {
  readonly because: string;
  /** Shows that the call uses the field. */
  readonly prove: (subject: Subject) => Promise<void>;
}

/** Test data about the resources of a route. Everything else is derived from the schema. */
export interface Kind {
  readonly make: (world: World) => Promise<Thing>;
  /** New values of fields, if the schema has no suitable one. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** Other fields of the resource that may change together with a field. */
  readonly follows?: Readonly<Record<string, readonly string[]>>;
  readonly unseen?: Readonly<Record<string, Unseen>>;
  /** The reason why null equals an absent field here instead of clearing it. */
  readonly nullIsAbsent?: string;
}

const otherPassword = 'Secret@slidezAB';
const names = { firstName: 'Ada', lastName: 'Lovelace' };

async function get<Answer>(world: World, url: string, token = world.admin.token, orgId?: string): Promise<Answer> {
  const response = await world.call('GET', url, { token, ...(orgId !== undefined && { orgId }) });
  return withStatus(200, response).json<Answer>();
}

const readUser = (world: World, userId: string): Promise<object> =>
  get(world, `/v1/authentication/users/${userId}?includeMetadata=true`);

const signInWith = (world: World, email: unknown, newPassword: unknown) =>
  world.call('POST', '/v1/authentication/users/sessions', { body: { email, password: newPassword } });

/** The call is refused if this field has a wrong value. */
const refusedIf = (
  because: string,
  field: string,
  wrong: (world: World) => Promise<unknown>,
  code: string,
  success: 200 | 201 = 200,
): Unseen => ({
  because,
  prove: async ({ world, thing, send }) => {
    const prepared = await thing.prepare();
    const body = { ...prepared.body, [field]: await wrong(world) };
    expect(outcomeOf(await send({ ...prepared, body }))).toBe(code);
    expect(outcomeOf(await send(prepared))).toBe(success);
  },
});

const wrongCode = refusedIf('It is a proof.', 'verificationCode', () => Promise.resolve('0000000'), 'code_invalid');
const emailOfOther = async (world: World) => (await world.person()).email;
const otherEmail = refusedIf('It names the account.', 'email', emailOfOther, 'code_invalid');

const newPassword: Unseen = {
  because: 'Passwords are never returned.',
  prove: async ({ world, thing, send }) => {
    const prepared = await thing.prepare();
    const { email } = (await thing.read({})) as { email: string };
    expect((await send(prepared)).statusCode).toBe(200);
    expect((await signInWith(world, email, prepared.body?.['newPassword'])).statusCode).toBe(201);
  },
};

const ignored = (field: string): Unseen => ({
  because: 'It is accepted and ignored, as the document says.',
  prove: async ({ thing, send }) => {
    const prepared = await thing.prepare();
    expect(outcomeOf(await send({ ...prepared, body: { ...prepared.body, [field]: '1' } }))).toBe(200);
  },
});

const rolesKind: Kind = {
  make: async (world) => {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    const url = `/v1/authorization/organizations/${orgId}/roles`;
    const list = async () => (await get<{ roles: { key: string }[] }>(world, url, owner.token)).roles;
    return {
      // A role is replaced as a whole, so the call repeats its other fields.
      prepare: async () => ({
        as: human(owner),
        params: { orgId },
        body: { roles: (await list()).filter(({ key }) => key === 'reader') },
      }),
      read: async ({ roles }) => {
        const listed = await list();
        return { roles: (roles as { key: string }[]).map(({ key }) => listed.find((role) => role.key === key)) };
      },
    };
  },
  values: { 'roles.0.key': 'auditor' },
};

const memberRolesKind: Kind = {
  make: async (world) => {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    const { userId } = await world.member(orgId, 'reader');
    return {
      prepare: () => ({ as: human(owner), params: { userId }, orgId }),
      read: async () => {
        const url = '/v1/authorization/organizations/users?pageSize=100';
        const { users } = await get<{ users: { id: string }[] }>(world, url, owner.token, orgId);
        return users.find(({ id }) => id === userId);
      },
    };
  },
  values: { roles: ['writer'] },
};

const userKind: Kind = {
  make: async (world) => {
    const person = await world.person();
    return {
      prepare: () => ({ as: human(person), params: { userId: person.userId } }),
      read: async () => {
        // Only the export shows the language.
        const url = '/v1/authentication/users/me/export';
        const { user } = await get<{ user: { language: unknown } }>(world, url, person.token);
        return { ...(await readUser(world, person.userId)), language: user.language };
      },
    };
  },
  values: names,
  follows: { firstName: ['displayName'], lastName: ['displayName'] },
};

const readKey = async (world: World, url: string, id: string, token: string): Promise<unknown> => {
  const { apiKeys } = await get<{ apiKeys: { id: string }[] }>(world, `${url}?pageSize=100`, token);
  return apiKeys.find((key) => key.id === id);
};

const keyValues = { expiresAt: '2100-01-01T00:00:00.000Z' };

const apiKeyKind: Kind = {
  values: keyValues,
  make: async (world) => {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    const { id } = await organizationKey(world, owner, orgId);
    return {
      prepare: () => ({ as: human(owner), params: { orgId, apiKeyId: id } }),
      read: () => readKey(world, keysOf(orgId), id, owner.token),
    };
  },
};

const myApiKeyKind: Kind = {
  values: keyValues,
  make: async (world) => {
    const orgId = await world.organization(await world.person());
    const member = await world.member(orgId);
    const { id } = await personalKey(world, member, orgId);
    return {
      prepare: () => ({ as: human(member), params: { apiKeyId: id } }),
      read: () => readKey(world, '/v1/authentication/users/me/api-keys', id, member.token),
    };
  },
};

const factorKind: Kind = {
  values: { name: 'Other phone' },
  make: async (world) => {
    const person = await world.person();
    const { id } = await enrol(world, person);
    return {
      prepare: () => ({ as: human(person), params: { factorId: id } }),
      read: async () => (await get<{ factors: unknown[] }>(world, factorsUrl, person.token)).factors[0],
    };
  },
};

const machineUserKind: Kind = {
  make: async (world) => {
    const { machineUserId } = await world.machine();
    return {
      prepare: () => ({ as: human(world.admin), params: { machineUserId } }),
      read: async () => {
        const url = '/v1/authorization/machine-users?pageSize=100';
        const { machineUsers } = await get<{ machineUsers: { id: string }[] }>(world, url);
        return machineUsers.find(({ id }) => id === machineUserId);
      },
    };
  },
};

const organizationMachineKind: Kind = {
  make: async (world) => {
    await enableOrganizationMachines(world);
    const owner = await world.person();
    const orgId = await world.organization(owner);
    const { machineUserId } = await world.organizationMachine(orgId);
    return {
      prepare: () => ({ as: human(owner), params: { orgId, machineUserId } }),
      read: async () => {
        const url = `/v1/authorization/organizations/${orgId}/machine-users?pageSize=100`;
        const { machineUsers } = await get<{ machineUsers: { id: string }[] }>(world, url);
        return machineUsers.find(({ id }) => id === machineUserId);
      },
    };
  },
  values: { roles: ['writer'] },
};

const providerKind: Kind = {
  make: async (world) => {
    const provider = await TestProvider.start();
    provider.now = () => world.test.clock.now();
    const acrMapping = [{ claim: 'amr', value: 'mfa', acr: 2 }];
    const idpId = await registerProvider(world, provider, { acrMapping });
    return {
      prepare: () => ({ as: human(world.admin), params: { idpId }, body: { acrMapping } }),
      read: async () => {
        const { idps } = await get<{ idps: { id: string }[] }>(world, '/v1/authorization/idps');
        return idps.find(({ id }) => id === idpId);
      },
    };
  },
  values: { name: 'Another name', 'acrMapping.0.value': 'urn:acme:two', 'acrMapping.0.acr': 3 },
  // The list is replaced as a whole.
  follows: {
    'acrMapping.0.claim': ['acrMapping.0.value', 'acrMapping.0.acr'],
    'acrMapping.0.value': ['acrMapping.0.claim', 'acrMapping.0.acr'],
    'acrMapping.0.acr': ['acrMapping.0.claim', 'acrMapping.0.value'],
  },
  unseen: {
    clientSecret: {
      because: 'Secrets are never returned.',
      prove: async ({ world, send }) => {
        const provider = await TestProvider.start();
        provider.now = () => world.test.clock.now();
        provider.person = { sub: 'ada', email: 'ada@example.com', given_name: 'Ada' };
        const idpId = await registerProvider(world, provider);
        const body = { clientSecret: 'another-secret' };
        expect(outcomeOf(await send({ as: human(world.admin), params: { idpId }, body }))).toBe(200);
        await goThrough(world, provider, idpId);
        expect(provider.lastTokenRequest?.form.get('client_secret')).toBe('another-secret');
      },
    },
  },
};

/** Settings, whose names begin with `prefix` in the body. */
const settingsOf = (prefix: string): Pick<Kind, 'values' | 'follows' | 'unseen'> => ({
  values: {
    [`${prefix}redirectUrls`]: ['https://app.example.com', 'https://app.example.com/another'],
    [`${prefix}mfa.factors`]: ['totp'],
    [`${prefix}stepUpOperations`]: ['deleteUser'],
  },
  follows: { [`${prefix}redirectMatching`]: [`${prefix}warnings`] },
  unseen: relyingPartyParts(prefix),
});

const settingsKind: Kind = {
  make: (world) =>
    Promise.resolve({
      prepare: () => ({ as: human(world.admin) }),
      read: () => get(world, '/v1/authorization/apps/settings'),
    }),
  ...settingsOf(''),
};

const appKind: Kind = {
  make: (world) =>
    Promise.resolve({
      prepare: () => ({ as: operator, params: { name: world.appName } }),
      read: async () => withStatus(200, await world.operate('GET', `/v1/platform/apps/${world.appName}`)).json(),
    }),
  ...settingsOf('settings.'),
};

const changeEmailKind: Kind = {
  make: async (world) => {
    const person = await world.person();
    return {
      prepare: async () => {
        const body = { newEmail: `${unique('moved')}@example.com`, currentPassword: password };
        const { token } = person;
        withStatus(200, await world.call('POST', '/v1/authentication/users/me/email', { token, body }));
        const { code } = await world.mail(body.newEmail);
        return { as: human(person), body: { verificationCode: code } };
      },
      read: () => readUser(world, person.userId),
    };
  },
  unseen: {
    verificationCode: {
      because: 'It is a proof, and the address that it was sent to is what changes.',
      prove: async (subject) => {
        await wrongCode.prove(subject);
        expect(await subject.thing.read({})).toMatchObject({ email: expect.stringMatching(/^moved-/) });
      },
    },
  },
};

/** Resources of calls that need a separate person each. */
const thingOfPeople = (world: World, prepareOne: () => Promise<{ userId: string; prepared: Prepared }>): Thing => {
  let userId = '';
  return {
    prepare: async () => {
      const made = await prepareOne();
      userId = made.userId;
      return made.prepared;
    },
    read: () => readUser(world, userId),
  };
};

const resetPasswordKind: Kind = {
  make: (world) =>
    Promise.resolve(
      thingOfPeople(world, async () => {
        const { userId, email } = await world.person();
        await world.call('POST', '/v1/authentication/users/password/reset-request/email', { body: { email } });
        await runTask(world.test, sendPasswordResets);
        const verificationCode = (await world.mail(email)).code;
        return { userId, prepared: { as: nobody, body: { email, verificationCode, newPassword: otherPassword } } };
      }),
    ),
  unseen: { email: otherEmail, verificationCode: wrongCode, newPassword, orgId: ignored('orgId') },
};

const changePasswordKind: Kind = {
  make: (world) =>
    Promise.resolve(
      thingOfPeople(world, async () => {
        const person = await world.person();
        const body = { currentPassword: password, newPassword: otherPassword };
        return { userId: person.userId, prepared: { as: human(person), params: { userId: person.userId }, body } };
      }),
    ),
  unseen: {
    newPassword,
    currentPassword: refusedIf(
      'It is a proof.',
      'currentPassword',
      () => Promise.resolve('Wrong@123JonDoeInc'),
      'current_password_wrong',
    ),
  },
};

const wrongProof = (field: string, value: string, code: string) =>
  refusedIf('It is a proof.', field, () => Promise.resolve(value), code, 201);

const finishSignInKind: Kind = {
  make: (world) =>
    Promise.resolve(
      thingOfPeople(world, async () => {
        const prepared = await halfSignedIn({ world });
        return { userId: prepared.as.id ?? '', prepared };
      }),
    ),
  unseen: {
    mfaToken: wrongProof('mfaToken', 'gh_f_made-up', 'unauthenticated'),
    factorId: wrongProof('factorId', '1', 'factor_invalid'),
    code: wrongProof('code', '0', 'factor_invalid'),
    rememberDevice: wrongProof('rememberDevice', 'yes', 'validation_failed'),
    recoveryCode: wrongProof('recoveryCode', 'K7PQ2X-MHB4T8-V9WNRC', 'validation_failed'),
    ...assertionParts,
  },
};

const acceptInvitationKind: Kind = {
  make: async (world) => {
    const owner = await world.person();
    const orgId = await world.organization(owner);
    return thingOfPeople(world, async () => {
      const email = `${unique('invited')}@example.com`;
      const options = { token: owner.token, body: { email, firstName: 'Jon', lastName: 'Doe', role: 'reader' } };
      const url = `/v1/authorization/organizations/${orgId}/members`;
      const { userId } = withStatus(201, await world.call('POST', url, options)).json<{ userId: string }>();
      const verificationCode = (await world.mail(email)).code;
      return { userId, prepared: { as: nobody, body: { orgId, email, verificationCode, newPassword: otherPassword } } };
    });
  },
  values: names,
  follows: {
    firstName: ['displayName', 'userState', 'isEmailVerified', 'isEmailClaimed'],
    lastName: ['displayName', 'userState', 'isEmailVerified', 'isEmailClaimed'],
  },
  nullIsAbsent: 'It creates an account; a name that is not given stays as the invitation has it.',
  unseen: {
    email: otherEmail,
    verificationCode: wrongCode,
    newPassword,
    orgId: refusedIf(
      'It names the organization that invited.',
      'orgId',
      async (world) => world.organization(await world.person()),
      'code_invalid',
    ),
  },
};

/** The resources of each PATCH and PUT, by operation id. A new route needs an entry. */
export const kinds: Readonly<Record<string, Kind>> = {
  ...kindsOfOrganizations,
  updateRoles: rolesKind,
  setOrganizationUserRoles: memberRolesKind,
  updateUser: userKind,
  updateIdentityProvider: providerKind,
  updateMachineUser: machineUserKind,
  updateApiKey: apiKeyKind,
  updateMyApiKey: myApiKeyKind,
  updateMyFactor: factorKind,
  updateOrganizationMachineUser: organizationMachineKind,
  updateAppSettings: settingsKind,
  updateApp: appKind,
  changeEmail: changeEmailKind,
  resetPassword: resetPasswordKind,
  changePassword: changePasswordKind,
  acceptInvitation: acceptInvitationKind,
  finishSignIn: finishSignInKind,
};
