import { ownPassword, personWithOwnPassword } from './accounts.ts';
import { linked } from './identity-providers.ts';
import { human, type Prepared, type SampleCalls } from './sample.ts';
import type { Stage } from './stage.ts';
import { boundToOne } from './users.ts';
import { goThrough, newVerifier } from '../identity-flow.ts';
import { withCode } from './factors.ts';
import { enrol } from '../world/factors.ts';
import { addPasskey, assertion, optionsOf, setRelyingParty } from '../world/passkeys.ts';
import type { Person } from '../world/world.ts';

const url = '/v1/authentication/users/me/reauthentication';
const humans = ['stranger', 'neighbour', 'member', 'manager', 'owner', 'superAdmin'] as const;
const target = ['session', 'sessionId'] as const;

const by = (person: Person, body: Prepared['body'] = {}): Prepared => ({
  as: human(person),
  addressed: human(person),
  body,
});

async function mailedCode({ world }: Stage): Promise<Prepared> {
  const person = await world.person();
  await world.call('POST', `${url}-request`, { token: person.token });
  return by(person, { verificationCode: (await world.mail(person.email)).code });
}

async function roundTrip(stage: Stage): Promise<Prepared> {
  const { person, idpId, provider } = await linked(stage);
  const authTime = Math.floor(stage.world.test.clock.now().getTime() / 1000);
  provider.person = { ...provider.person, auth_time: authTime };
  const { codeChallenge, codeVerifier } = newVerifier();
  const { intentId, intentToken } = await goThrough(stage.world, provider, idpId, {
    codeChallenge,
    reauthenticate: true,
  });
  return by(person, { intentId, idpToken: intentToken, codeVerifier });
}

/** Sample calls of re-authentication. */
export const samplesOfReauthentication: SampleCalls = {
  requestReauthentication: [
    {
      admits: humans,
      target: ['user', 'userId'],
      prepare: async ({ world }) => ({ as: human(await world.person()) }),
    },
  ],
  reauthenticate: [
    {
      ...boundToOne('current_password_wrong'),
      target,
      prepare: async (stage) => by(await personWithOwnPassword(stage), { currentPassword: ownPassword }),
    },
    {
      ...boundToOne('code_invalid'),
      title: 'by a mailed code',
      target,
      foreign: 'code_invalid',
      prepare: mailedCode,
    },
    {
      ...boundToOne('intent_invalid'),
      title: 'by a provider',
      target,
      foreign: 'intent_invalid',
      prepare: roundTrip,
    },
    {
      ...boundToOne('factor_invalid'),
      title: 'by a second factor',
      target,
      foreign: 'factor_invalid',
      prepare: async ({ world }) => {
        const person = await world.person();
        const factor = await enrol(world, person);
        return withCode(world, factor, by(person, { factorId: factor.id }));
      },
    },
    {
      ...boundToOne('factor_invalid'),
      title: 'by a passkey',
      target,
      foreign: 'factor_invalid',
      prepare: async ({ world }) => {
        await setRelyingParty(world);
        const person = await world.person();
        const passkey = await addPasskey(world, person);
        return by(person, { assertion: assertion(passkey, await optionsOf(world, 'reauthenticationOptions', person)) });
      },
    },
  ],
};
