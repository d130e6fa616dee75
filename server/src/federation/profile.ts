import { normalizeEmail } from '../http/email-address.ts';
import { ProviderFailure } from './failures.ts';
import type { Profile } from './intent-content.ts';
import { type Claims, type ProviderRules, vouchesForEmail } from '../identity-providers/provider-types.ts';

/** Sanitizes external text for storage: one line of well-formed text, or undefined if it is empty. */
function textOf(claim: unknown, maxLength: number): string | undefined {
  if (typeof claim !== 'string') return undefined;
  const clean = claim
    .toWellFormed()
    .replace(/\p{C}+/gu, ' ')
    .trim();
  return clean === '' ? undefined : Array.from(clean).slice(0, maxLength).join('');
}

/** A subject is compared, never shown, so it is used unchanged or refused. @see OpenID Connect Core 1.0, section 2 */
function subjectOf({ sub }: Claims): string {
  if (typeof sub === 'string' && /^[\x20-\x7e]{1,255}$/.test(sub)) return sub;
  throw new ProviderFailure('provider_response_invalid', 'The subject of the person is invalid.');
}

/** Extracts the profile from validated claims. @throws ProviderFailure */
export function profileOf(rules: ProviderRules, claims: Claims & { iss: string }): Profile {
  const email = typeof claims['email'] === 'string' ? normalizeEmail(claims['email']) : undefined;
  const localPart = email?.slice(0, email.lastIndexOf('@'));
  return {
    issuer: claims.iss,
    subject: subjectOf(claims),
    email: email ?? null,
    isEmailProven: email !== undefined && vouchesForEmail(rules, claims),
    firstName: textOf(claims['given_name'], 200) ?? textOf(claims['name'], 200) ?? localPart ?? '',
    lastName: textOf(claims['family_name'], 200) ?? '',
  };
}
