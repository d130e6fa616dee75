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

/** Kinds of second factors. */
const secondFactors = ['totp', 'passkey', 'email'] as const;

export const mfaSettings = z
  .strictObject({
    policy: z.enum(['off', 'optional', 'required'], { error: 'Must be off, optional or required.' }).meta({
      description:
        'optional: people may add a second factor, and are then asked for it at every sign-in. required: a person ' +
        'without a second factor gets a session that can only add one. off: no factor can be added, and none is ' +
        'asked for.',
      examples: ['optional'],
    }),
    factors: z
      .array(z.enum(secondFactors, { error: 'Must be totp, passkey or email.' }))
      .refine((kinds) => kinds.some((kind) => kind !== 'email'), { error: 'Must include totp or passkey.' })
      .refine((kinds) => new Set(kinds).size === kinds.length, { error: 'Each at most once.' })
      .meta({
        description:
          'The kinds of second factors that people can add and use; recovery codes always. email: people who have ' +
          'another factor can use a code by mail instead, to their claimed address, after a password. A factor of ' +
          'another kind is used only by people who have none of these kinds, and then starts a session that can only ' +
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
          'With the policy `required`: the age in days at which a session without a second factor, which began ' +
          'before the policy, can only add or prove one.',
        examples: [7],
      }),
    rememberDays: z
      .int({ error: 'Must be a whole number of days.' })
      .min(0, { error: 'At least 0 days.' })
      .max(90, { error: 'At most 90 days.' })
      .meta({
        description:
          'How long a device is not asked for the second factor again, if the person wants that (`rememberDevice` ' +
          'of `PUT …/users/sessions/mfa`). 0: every sign-in asks. A change ends all remembered devices.',
        examples: [30],
      }),
    resetDelayHours: z
      .int({ error: 'Must be a whole number of hours.' })
      .min(0, { error: 'At least 0 hours.' })
      .max(72, { error: 'At most 72 hours.' })
      .meta({
        description:
          'How long a removal of all second factors of a user by a super admin waits. The user can cancel it by a ' +
          'link in a mail. For super admins, at least 24 hours. A change does not affect waiting removals.',
        examples: [24],
      }),
    relyingParty,
  })
  .meta(mfaMeta);
