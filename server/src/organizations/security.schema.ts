import { z } from 'zod';
import { patchOf } from '../http/fields.ts';
import { allowedFactor, signInMethod } from '../access/sign-in-values.schema.ts';

const mfa = z.enum(['optional', 'required'], { error: 'Must be optional or required.' }).meta({
  description:
    'required: a session can be used for the organization only if a second factor was used in it. optional: the ' +
    'organization requires none. The setting `mfa.policy` of the app applies in any case.',
  examples: ['required'],
});

const allowedFactors = z
  .array(allowedFactor)
  .min(1, { error: 'At least one.' })
  .refine((kinds) => new Set(kinds).size === kinds.length, { error: 'Each at most once.' })
  .nullable()
  .meta({
    description:
      'With `mfa: required`: the kinds of factors that count; null: all. If only `passkey` is listed, the passkey ' +
      'must have verified the person by PIN or biometrics (`urn:gatehouse:acr:3`).',
    uniqueItems: true,
    examples: [['passkey']],
  });

const maxSessionHours = z
  .int({ error: 'Must be a whole number of hours.' })
  .min(1, { error: 'At least 1 hour.' })
  .max(8760, { error: 'At most 8760 hours.' })
  .nullable()
  .meta({
    description:
      'Number of hours after an authentication during which a session can be used for the organization; null: ' +
      'unlimited. With `mfa: required`, the time of the second factor counts. Re-authentication renews it.',
    examples: [12],
  });

const rememberDays = z
  .int({ error: 'Must be a whole number of days.' })
  .min(0, { error: 'At least 0 days.' })
  .max(90, { error: 'At most 90 days.' })
  .meta({
    description: 'Days during which a remembered device replaces the second factor in the organization. 0: never.',
    examples: [0],
  });

const signInMethods = z
  .array(signInMethod)
  .min(1, { error: 'At least one.' })
  .refine((methods) => new Set(methods).size === methods.length, { error: 'Each at most once.' })
  .nullable()
  .meta({
    description:
      'Accepted sign-in methods: one of them must have been used in the session. null: all that the app allows. A ' +
      'passkey must have verified the person by PIN or biometrics. Methods that the setting `signInMethods` of the ' +
      'app does not have are refused with `sign_in_method_disabled`.',
    uniqueItems: true,
    examples: [['passkey', 'provider']],
  });

const shape = { mfa, allowedFactors, maxSessionHours, rememberDays, signInMethods };

export const organizationSecurity = z.object(shape).meta({
  id: 'OrganizationSecurity',
  description: 'The security policy of an organization: which sessions can be used for it.',
  examples: [{ mfa: 'required', allowedFactors: null, maxSessionHours: 12, rememberDays: 0, signInMethods: null }],
});

export type OrganizationSecurity = Readonly<z.output<typeof organizationSecurity>>;

export const updateSecurity = patchOf(shape).meta({
  id: 'UpdateOrganizationSecurityRequest',
  description: 'Changes to the security policy; absent fields stay unchanged.',
  examples: [{ mfa: 'required' }],
});

export type SecurityPatch = Readonly<z.output<typeof updateSecurity>>;
