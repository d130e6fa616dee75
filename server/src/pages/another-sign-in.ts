import { z } from 'zod';
import { type SignInMethod, signInMethodNames } from '../access/sign-in-methods.ts';
import { html, type Html } from '../http/html.ts';
import type { TextName } from '../page-texts/texts.ts';
import type { PageCall } from './page-call.ts';

/** The requirements of an organization for the session, in the form of the API. */
export const stepUp = z.looseObject({ signInMethods: z.array(z.enum(signInMethodNames)).optional() }).optional();
type StepUp = z.output<typeof stepUp>;

const names = {
  password: 'password',
  emailCode: 'mailedCode',
  passkey: 'passkey',
  provider: 'identityProvider',
} as const satisfies Record<SignInMethod, TextName>;

/** The sign-in methods that an organization accepts; undefined if the session has used one of them. */
export function acceptedMethods({ text }: PageCall, required: StepUp): string | undefined {
  const methods = required?.signInMethods?.map((method) => text.plain(names[method]));
  return methods && text.plain('organizationMethods', { methods: methods.join(', ') });
}

/** The link to a sign-in by another method. */
export const anotherSignIn = (page: PageCall): Html =>
  html`<a href="${page.href('sign-in', { prompt: 'login' })}">${page.text('signInAnotherWay')}</a>`;
