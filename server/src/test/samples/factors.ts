import { sql } from '../../db/db.ts';
import { addFactor, challenge, enrol, nextCode } from '../world/factors.ts';
import { human, nobody, type Prepared, type SampleCalls } from './sample.ts';
import type { Stage } from './stage.ts';
import { boundToOne, freshMember } from './users.ts';

const humans = ['stranger', 'neighbour', 'member', 'manager', 'owner', 'superAdmin'] as const;
const target = ['factor', 'factorId'] as const;

/** Somebody with a confirmed factor. */
async function withFactor({ world }: Pick<Stage, 'world'>) {
  const person = await world.person();
  return { person, factor: await enrol(world, person) };
}

const ofFactor =
  (extra: Partial<Prepared> = {}) =>
  async (stage: Stage): Promise<Prepared> => {
    const { person, factor } = await withFactor(stage);
    const self = human(person);
    return { as: self, addressed: self, params: { factorId: factor.id }, ...extra };
  };

/** Somebody whose second factor is missing. */
export async function halfSignedIn({ world }: Pick<Stage, 'world'>) {
  const { person, factor } = await withFactor({ world });
  const { mfaToken, device } = await challenge(world, person.email);
  const body = { mfaToken, factorId: factor.id, code: nextCode(world, factor) };
  return { as: { ...nobody, id: person.userId }, body, headers: { 'x-device-token': device } };
}

/** The super admin gets a second factor, which the session has proven. */
const enrolAdmin = async ({ world: { test, appId, admin } }: Stage): Promise<void> => {
  const of = sql`WHERE app_id = ${appId}`;
  await test.db.query(sql`UPDATE users SET has_factor = true ${of} AND id = ${admin.userId}`);
  await test.db.query(sql`
    UPDATE sessions SET factor_at = ${test.clock.now()} ${of} AND user_id = ${admin.userId}`);
};

/** How to call what is about second factors. */
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
        const self = human(person);
        return { as: self, addressed: self, params: { factorId: id }, body: { code: nextCode(world, { secret }) } };
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
      prepare: halfSignedIn,
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
  resetUserFactors: [
    {
      admits: ['superAdmin'],
      target: ['user', 'userId'],
      prepare: async (stage) => {
        const person = await freshMember(stage);
        await enrol(stage.world, person);
        await enrolAdmin(stage);
        return { as: human(stage.world.admin), params: { userId: person.userId } };
      },
    },
  ],
};
