import { z } from 'zod';
import type { Config } from '../config.ts';
import { text } from '../http/fields.ts';
import { isLoopback } from '../http/loopback.ts';

const domain = /^(?=.{1,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$/;
const localName = 'localhost';

/** The origin of an Android app: the SHA-256 of its signing certificate. */
const androidOrigin = /^android:apk-key-hash:[A-Za-z0-9_-]{43}$/;

const isOrigin = (value: string): boolean =>
  androidOrigin.test(value) ||
  (URL.canParse(value) && new URL(value).origin === value && /^https?:$/.test(new URL(value).protocol));

const relyingPartyId = text({ max: 253 })
  .refine((value) => value === localName || domain.test(value), {
    error: 'Must be a domain in lower case such as example.com, without scheme and port.',
  })
  .meta({
    description:
      'The domain to which passkeys are bound (RP ID). It cannot be changed while the app has passkeys, because ' +
      'authenticators accept them for no other domain.',
    examples: ['example.com'],
  });

const relyingPartyOrigin = text({ max: 300 })
  .refine(isOrigin, { error: 'Must be an origin such as https://app.example.com or android:apk-key-hash:….' })
  .meta({
    description: 'An origin: scheme, host and port of a page, or `android:apk-key-hash:` and the hash of an app.',
    examples: ['https://app.example.com'],
  });

/** The domain and the origins for which the passkeys of an app are valid. @see WebAuthn Level 3, section 5.1.2 */
export const relyingParty = z
  .strictObject({
    id: relyingPartyId,
    origins: z
      .array(relyingPartyOrigin)
      .min(1, { error: 'At least 1.' })
      .max(20, { error: 'At most 20.' })
      .meta({
        description: 'The pages and native apps that may use the passkeys. The host of a page is `id` or below it.',
        examples: [['https://app.example.com']],
      }),
  })
  .nullable()
  .meta({
    description:
      'The domain and the pages for which passkeys of this app are valid. The hosted pages may use them without ' +
      'being listed, if the host of the service is `id` or below it. null: with `hostedPages`, passkeys are for the ' +
      'host of the service and the hosted pages only; otherwise the app has no passkeys.',
    examples: [{ id: 'example.com', origins: ['https://app.example.com'] }],
  });

export type RelyingParty = NonNullable<z.output<typeof relyingParty>>;

/** Whether pages of a host may use passkeys of a domain. */
const covers = (id: string, hostname: string): boolean => hostname === id || hostname.endsWith(`.${id}`);

type Deployment = Pick<Config, 'isProduction' | 'publicUrl'>;

/**
 * The origin of the hosted pages, or undefined if browsers refuse passkeys there. Browsers refuse passkeys at IP
 * addresses, so in development the pages at 127.0.0.1 use passkeys as localhost.
 */
export function originOfPages({ isProduction, publicUrl }: Deployment): string | undefined {
  const url = new URL(publicUrl);
  if (!isProduction && isLoopback(url.hostname)) url.hostname = localName;
  const isLocal = url.hostname === localName && !isProduction;
  return isLocal || (url.protocol === 'https:' && domain.test(url.hostname)) ? url.origin : undefined;
}

/** Settings that determine where passkeys are valid. */
interface PasskeySettings {
  readonly hostedPages: boolean;
  readonly mfa: { readonly relyingParty: RelyingParty | null };
}

/**
 * The domain and the origins for which the passkeys of an app are valid: those of its setting, and the hosted pages.
 * Null: the app has no passkeys. The origin of the hosted pages may be added without being listed, because only the
 * service itself serves content from it.
 */
export function relyingPartyFor({ hostedPages, mfa }: PasskeySettings, deployment: Deployment): RelyingParty | null {
  const own = hostedPages ? originOfPages(deployment) : undefined;
  if (own === undefined) return mfa.relyingParty;
  const { hostname } = new URL(own);
  const { id, origins } = mfa.relyingParty ?? { id: hostname, origins: [] };
  return { id, origins: covers(id, hostname) && !origins.includes(own) ? [...origins, own] : origins };
}

/** The problem of an origin, or undefined. */
function originFault(origin: string, id: string, config: Pick<Config, 'isProduction'>): string | undefined {
  if (androidOrigin.test(origin)) return undefined;
  const { hostname, protocol } = new URL(origin);
  if (!covers(id, hostname)) return `"${origin}" is neither ${id} nor below it.`;
  if (protocol === 'https:' || (hostname === localName && !config.isProduction)) return undefined;
  return `"${origin}" must use https.`;
}

/** The problems of a relying party, by their place in it. */
export function relyingPartyFaults(
  { id, origins }: RelyingParty,
  config: Pick<Config, 'isProduction'>,
): { pointer: string; message: string }[] {
  const faults = origins.flatMap((origin, index) => {
    const message = originFault(origin, id, config);
    return message === undefined ? [] : [{ pointer: `/origins/${index}`, message }];
  });
  const isLocal = id === localName && config.isProduction;
  return isLocal ? [{ pointer: '/id', message: 'localhost is only for development.' }, ...faults] : faults;
}
