import { sql } from '../../db/db.ts';
import { addFactor, challenge, confirmation, enrol, nextCode } from '../world/factors.ts';
import { addPasskey, assertion, createPasskey, optionsOf, registration, setRelyingParty } from '../world/passkeys.ts';
import { human, nobody, type Prepared, type SampleCalls } from './sample.ts';
import type { Stage } from './stage.ts';
import { boundToOne, freshMember } from './users.ts';

const humans = ['stranger', 'neighbour', 'member', 'manager', 'owner', 'superAdmin'] as const;
const target = ['factor', 'factorId'] as const;

/** A person with a confirmed factor. */
async function withFactor({ world }: Pick<Stage, 'world'>) {
  const person = await world.person();
  return { person, factor: await enrol(world, person) };
}

/** A person with a passkey. */
async function withPasskey({ world }: Pick<Stage, 'world'>) {
  await setRelyingParty(world);
  const person = await world.person();
  return { person, passkey: await addPasskey(world, person) };
}

/** A pending sign-in whose second factor is a passkey. */
export async function halfSignedInByPasskey({ world }: Pick<Stage, 'world'>) {
  const { person, passkey } = await withPasskey({ world });
  const { mfaToken, device } = await challenge(world, person.email);
  const headers = { 'x-device-token': device };
  const options = await optionsOf(world, 'secondFactorOptions', { body: { mfaToken }, headers });
  const body = { mfaToken, assertion: assertion(passkey, options) };
  return { as: { ...nobody, id: person.userId }, body, headers };
}

const ofFactor =
  (extra: Partial<Prepared> = {}) =>
  async (stage: Stage): Promise<Prepared> => {
    const { person, factor } = await withFactor(stage);
    const self = human(person);
    return { as: self, addressed: self, params: { factorId: factor.id }, ...extra };
  };

/** A call whose body has a code of an authenticator app, which lasts only seconds. */
export const withCode = (world: Stage['world'], { secret }: { secret: Buffer }, prepared: Prepared): Prepared => {
  const now = () => ({ ...prepared, body: { ...prepared.body, code: nextCode(world, { secret }) } });
  return { ...now(), later: now };
};

/** A pending sign-in whose second factor is missing. */
export async function halfSignedIn({ world }: Pick<Stage, 'world'>, extra: object = {}) {
  const { person, factor } = await withFactor({ world });
  const { mfaToken, device } = await challenge(world, person.email);
  const as = { ...nobody, id: person.userId };
  const headers = { 'x-device-token': device };
  return withCode(world, factor, { as, body: { mfaToken, factorId: factor.id, ...extra }, headers });
}

/** Removals of second factors are delayed by a day. */
export const setResetDelay = ({ world }: Stage) =>
  world.test.db.query(sql`
    UPDATE apps SET settings = settings || jsonb_build_object(
      'mfa', COALESCE(settings -> 'mfa', '{}') || '{"resetDelayHours": 24}')
    WHERE id = ${world.appId}`);

/** The super admin gets a second factor, which is used in the session. */
export const enrolAdmin = async ({ world: { test, appId, admin } }: Stage): Promise<void> => {
  const of = sql`WHERE app_id = ${appId}`;
  await test.db.query(sql`UPDATE users SET has_factor = true ${of} AND id = ${admin.userId}`);
  await test.db.query(sql`
    UPDATE sessions SET factor_at = ${test.clock.now()} ${of} AND user_id = ${admin.userId}`);
};

/** Sample calls of operations on second factors. */
export const samplesOfFactors: SampleCalls = {
  listMyFactors: [{ admits: humans, prepare: async (stage) => ({ as: (await ofFactor()(stage)).as }) }],
  addMyTotpFactor: [
    {
      admits: humans,
      target: ['factor', 'id'],
      prepare: async ({ world }) => ({ as: human(await world.person()), body: { name: 'Phone' } }),
    },
  ],
  confirmMyFactor: [
    {
      ...boundToOne('factor_not_found'),
      target,
      prepare: async ({ world }) => {
        const person = await world.person();
        const { id, secret } = await addFactor(world, person);
        const body = await confirmation(world, person);
        const self = human(person);
        return withCode(world, { secret }, { as: self, addressed: self, params: { factorId: id }, body });
      },
    },
  ],
  updateMyFactor: [
    { ...boundToOne('factor_not_found'), target, prepare: ofFactor({ body: { name: 'My other phone' } }) },
  ],
  removeMyFactor: [{ ...boundToOne('factor_not_found'), target, prepare: ofFactor() }],
  createMyRecoveryCodes: [
    {
      ...boundToOne('factor_not_found'),
      prepare: async (stage) => {
        const self = human((await withFactor(stage)).person);
        return { as: self, addressed: self };
      },
    },
  ],
  finishSignIn: [
    {
      admits: 'everyone',
      target: ['session', 'sessionId'],
      foreign: 'unauthenticated',
      foreignIn: { 'body.factorId': 'factor_invalid' },
      prepare: (stage) => halfSignedIn(stage),
    },
    {
      title: 'and remembers the device',
      admits: 'everyone',
      target: ['session', 'sessionId'],
      foreign: 'unauthenticated',
      foreignIn: { 'body.factorId': 'factor_invalid' },
      tellsMore: ['device.remembered'],
      prepare: async (stage) => {
        const { test, appId } = stage.world;
        await test.db.query(sql`
          UPDATE apps SET settings = settings || '{"mfa": {"rememberDays": 30}}'::jsonb WHERE id = ${appId}`);
        return halfSignedIn(stage, { rememberDevice: true });
      },
    },
    {
      title: 'with a passkey',
      admits: 'everyone',
      target: ['session', 'sessionId'],
      foreign: 'unauthenticated',
      prepare: halfSignedInByPasskey,
    },
    {
      title: 'with a recovery code',
      admits: 'everyone',
      target: ['session', 'sessionId'],
      foreign: 'unauthenticated',
      prepare: async (stage) => {
        const { person, factor } = await withFactor(stage);
        const { mfaToken, device } = await challenge(stage.world, person.email);
        const body = { mfaToken, recoveryCode: factor.recoveryCodes[0] };
        return { as: { ...nobody, id: person.userId }, body, headers: { 'x-device-token': device } };
      },
    },
  ],
  createMyPasskeyOptions: [
    {
      admits: humans,
      prepare: async (stage) => {
        await setRelyingParty(stage.world);
        return { as: human(await stage.world.person()) };
      },
    },
  ],
  addMyPasskey: [
    {
      ...boundToOne('code_invalid'),
      target: ['factor', 'id'],
      prepare: async ({ world }) => {
        await setRelyingParty(world);
        const person = await world.person();
        const options = await optionsOf(world, 'registrationOptions', person);
        const self = human(person);
        const credential = registration(createPasskey(), options);
        return { as: self, addressed: self, body: { credential, ...(await confirmation(world, person)) } };
      },
    },
  ],
  createReauthenticationPasskeyOptions: [
    {
      admits: humans,
      prepare: async (stage) => ({ as: human((await withPasskey(stage)).person) }),
    },
  ],
  createPasskeyOptions: [
    {
      admits: 'everyone',
      prepare: async ({ world }) => {
        await setRelyingParty(world);
        return { as: nobody, body: {} };
      },
    },
    {
      title: 'for an address',
      admits: 'everyone',
      prepare: async (stage) => ({ as: nobody, body: { email: (await withPasskey(stage)).person.email } }),
    },
  ],
  signInWithPasskey: [
    {
      admits: 'everyone',
      target: ['session', 'sessionId'],
      foreign: 'invalid_credentials',
      prepare: async (stage) => {
        const { person, passkey } = await withPasskey(stage);
        const options = await optionsOf(stage.world, 'signInOptions');
        return { as: { ...nobody, id: person.userId }, body: { assertion: assertion(passkey, options) } };
      },
    },
  ],
  sendSecondFactorCode: [
    {
      admits: 'everyone',
      target: ['user', 'userId'],
      foreign: 'unauthenticated',
      prepare: async (stage) => {
        const { test, appId } = stage.world;
        await test.db.query(sql`
          UPDATE apps SET settings = settings || '{"mfa": {"factors": ["totp", "email"]}}'::jsonb WHERE id = ${appId}`);
        const { person } = await withFactor(stage);
        const { mfaToken, device } = await challenge(stage.world, person.email);
        const as = { ...nobody, id: person.userId };
        return { as, addressed: as, body: { mfaToken }, headers: { 'x-device-token': device } };
      },
    },
  ],
  createSecondFactorPasskeyOptions: [
    {
      admits: 'everyone',
      foreign: 'unauthenticated',
      prepare: async (stage) => {
        const { person } = await withPasskey(stage);
        const { mfaToken, device } = await challenge(stage.world, person.email);
        return { as: nobody, body: { mfaToken }, headers: { 'x-device-token': device } };
      },
    },
  ],
  resetUserFactors: [
    {
      admits: ['superAdmin'],
      target: ['user', 'userId'],
      prepare: async (stage) => {
        const person = await freshMember(stage);
        await enrol(stage.world, person);
        await enrolAdmin(stage);
        // Without a second factor, so that a refusal of the person themself is one of the access declaration.
        await stage.world.test.db.query(sql`UPDATE sessions SET factor_at = NULL WHERE user_id = ${person.userId}`);
        return { as: human(stage.world.admin), addressed: human(person), params: { userId: person.userId } };
      },
    },
    {
      title: 'with a waiting time',
      admits: ['superAdmin'],
      target: ['user', 'userId'],
      action: 'factors.reset_requested',
      prepare: async (stage) => {
        const person = await freshMember(stage);
        await enrol(stage.world, person);
        await enrolAdmin(stage);
        await setResetDelay(stage);
        return { as: human(stage.world.admin), params: { userId: person.userId } };
      },
    },
  ],
};
