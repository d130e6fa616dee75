import { z } from 'zod';
import { relyingParty } from './relying-party.ts';

export const mfaMeta = {
  description: 'Second factors of people.',
  examples: [
    {
      policy: 'optional',
      factors: ['totp', 'passkey'],
      graceDays: 7,
      rememberDays: 0,
      resetDelayHours: 0,
      relyingParty: null,
    },
  ],
};

const secondFactorKind = z
  .enum(['totp', 'passkey', 'email'], { error: 'Must be totp, passkey or email.' })
  .meta({ id: 'SecondFactorKind', description: 'A kind of second factors that an app can allow.', examples: ['totp'] });

export const mfaSettings = z
  .strictObject({
    policy: z.enum(['off', 'optional', 'required'], { error: 'Must be off, optional or required.' }).meta({
      description:
        'optional: people may add a second factor, which each of their sign-ins then requires. required: a person ' +
        'without a second factor gets a session that can only add one. off: no factor can be added, and none is ' +
        'required.',
      examples: ['optional'],
    }),
    factors: z
      .array(secondFactorKind)
      .refine((kinds) => kinds.some((kind) => kind !== 'email'), { error: 'Must include totp or passkey.' })
      .refine((kinds) => new Set(kinds).size === kinds.length, { error: 'Each at most once.' })
      .meta({
        description:
          'The kinds of second factors that people can add and use; recovery codes always. email: after a password, ' +
          'people who have another factor can instead use a code that is mailed to their claimed address. A factor ' +
          'of another kind can be used only by people without a factor of these kinds. Their session can then only ' +
          'change factors.',
        uniqueItems: true,
        examples: [['totp', 'passkey']],
      }),
    graceDays: z
      .int({ error: 'Must be a whole number of days.' })
      .min(0, { error: 'At least 0 days.' })
      .max(365, { error: 'At most 365 days.' })
      .meta({
        description:
          'With the policy `required`: the number of days after which a session that began before the policy, ' +
          'without a second factor, can only add or use one.',
        examples: [7],
      }),
    rememberDays: z
      .int({ error: 'Must be a whole number of days.' })
      .min(0, { error: 'At least 0 days.' })
      .max(90, { error: 'At most 90 days.' })
      .meta({
        description:
          'Number of days during which sign-ins on a device need no second factor, if the person chose this ' +
          '(`rememberDevice` of `PUT …/users/sessions/mfa`). 0: every sign-in needs it. After a change, no device is ' +
          'remembered any more.',
        examples: [30],
      }),
    resetDelayHours: z
      .int({ error: 'Must be a whole number of hours.' })
      .min(0, { error: 'At least 0 hours.' })
      .max(72, { error: 'At most 72 hours.' })
      .meta({
        description:
          'Delay in hours before a removal of all second factors of a user by a super admin takes effect. The user ' +
          'can cancel it by a link in a mail. For super admins, at least 24 hours. A change does not affect waiting ' +
          'removals.',
        examples: [24],
      }),
    relyingParty,
  })
  .meta(mfaMeta);
