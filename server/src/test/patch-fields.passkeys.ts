import { expect } from 'vitest';
import type { Unseen } from './patch-fields.kinds.ts';
import { valueAt, withValue } from './patch-fields.ts';
import { halfSignedInByPasskey } from './samples/factors.ts';
import { outcomeOf } from './samples/sample.ts';

/** A wrong response consumes the challenge, so the correct response belongs to another sign-in. */
const wrongInAssertion = (path: readonly string[], code = 'factor_invalid', value = 'AAAA'): Unseen => ({
  because: 'It is a part of a proof.',
  prove: async ({ world, send }) => {
    const prepared = await halfSignedInByPasskey({ world });
    const body = withValue(prepared.body, path, value) as Record<string, unknown>;
    expect(outcomeOf(await send({ ...prepared, body }))).toBe(code);
    expect(outcomeOf(await send(await halfSignedInByPasskey({ world })))).toBe(201);
  },
});

/** The parts of the response of a passkey. */
export const assertionParts = {
  'assertion.id': wrongInAssertion(['assertion', 'id']),
  'assertion.rawId': wrongInAssertion(['assertion', 'rawId']),
  'assertion.type': wrongInAssertion(['assertion', 'type'], 'validation_failed'),
  ...Object.fromEntries(
    ['clientDataJSON', 'authenticatorData', 'signature', 'userHandle'].map((name) => [
      `assertion.response.${name}`,
      wrongInAssertion(['assertion', 'response', name]),
    ]),
  ),
};

/** Domain and origins of the relying party, which are sent together. @param prefix of the settings in the body */
export function relyingPartyParts(prefix: string): Record<string, Unseen> {
  const name = `${prefix}mfa.relyingParty`;
  const path = name.split('.');
  const part: Unseen = {
    because: 'Domain and origins are sent together.',
    prove: async ({ thing, send }) => {
      for (const id of ['example.com', 'example.org']) {
        const party = { id, origins: [`https://app.${id}`] };
        const prepared = await thing.prepare();
        const body = withValue(prepared.body ?? {}, path, party) as Record<string, unknown>;
        expect(outcomeOf(await send({ ...prepared, body }))).toBe(200);
        expect(valueAt(await thing.read(body), path)).toEqual(party);
      }
    },
  };
  return { [`${name}.id`]: part, [`${name}.origins`]: part };
}
