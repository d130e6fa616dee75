import { createHash } from 'node:crypto';
import type { Call } from '../calls/route.ts';
import { SealError } from '../keys/seal.ts';
import type { Services } from '../calls/services.ts';
import { emailKey } from '../http/email-address.ts';
import type { User } from './users.store.ts';

/** The subjects of "not me" links. */
export type NotMeSubject =
  /** The sign-up itself, while the account is not claimed. */
  | { readonly kind: 'account' }
  | { readonly kind: 'session'; readonly id: string }
  | { readonly kind: 'identity'; readonly id: string }
  /** An API key that the user created: a personal one, or one of an organization. */
  | { readonly kind: 'api_key'; readonly id: string }
  /** A secret that the user created for a machine user of an organization. */
  | { readonly kind: 'machine_secret'; readonly id: string }
  /** A second factor, with those that were added after it. */
  | { readonly kind: 'factor'; readonly id: string }
  /** A change of second factors or recovery codes that cannot be undone, such as the removal of a factor. */
  | { readonly kind: 'factors' }
  /** A change of the security policy of an organization. */
  | { readonly kind: 'security_policy' }
  /** A removal of all second factors that waits. The link only cancels it. */
  | { readonly kind: 'factor_reset'; readonly id: string }
  /** The password with this hash. The link does not remove a password that was set later. */
  | { readonly kind: 'password'; readonly passwordHash: string };

/** A decrypted token. */
export interface NotMeToken {
  readonly userId: string;
  readonly kind: NotMeSubject['kind'];
  /** Id of the session, identity or API key, `fingerprintOf` the password hash, or empty. */
  readonly subject: string;
  /** `mailboxOf` the address that the mail was sent to. */
  readonly mailbox: string;
}

const lifeMs = 30 * 24 * 3_600_000;

/** The letter after the prefix selects the text of the page. The sealed content decides what the button does. */
export const notMeLetters = {
  account: 'a',
  session: 's',
  identity: 'i',
  api_key: 'k',
  machine_secret: 'm',
  password: 'p',
  factor: 'f',
  factors: 'r',
  factor_reset: 'c',
  security_policy: 'o',
} as const satisfies Record<NotMeSubject['kind'], string>;
const kindOf = new Map(Object.entries(notMeLetters).map(([kind, letter]) => [letter, kind as NotMeSubject['kind']]));

const tokenPattern = /^gh_n_[a-z]([A-Za-z0-9_-]{60,400})$/;
const contentPattern = /^([a-z])\.(\d{1,19})\.([0-9a-f]*)\.([0-9a-f]{32})\.(\d{1,15})$/;

/** Binds a token to one context: other purposes and other apps cannot use it. */
const context = (appId: string): string => `not-me:${appId}`;

/** Identifies a text, such as a stored password hash, without revealing it. */
export const fingerprintOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32);

/** Identifies the mailbox of an address, regardless of spelling. */
export const mailboxOf = (email: string): string => fingerprintOf(emailKey(email));

function subjectText(subject: NotMeSubject): string {
  if (subject.kind === 'password') return fingerprintOf(subject.passwordHash);
  return 'id' in subject ? subject.id : '';
}

/**
 * The link of a mail by which its recipient says "this was not me". It leads to our own page, which changes nothing
 * until its button is pressed. The link is valid for 30 days. It is sealed and not stored, so issuing one costs no
 * statement and works inside a transaction or a single statement. Put it into the content of any mail as `notMeUrl`;
 * the mail then shows it below the text in the recipient's language.
 *
 * - `account` (mails to an address that is not claimed yet): rule (P), see `reject.ts`
 * - `session`: the session ends, and a password reset starts
 * - `identity`: the identity is unlinked, all sessions end, and a password reset starts
 * - `api_key`: the key ends, all sessions end, and a password reset starts
 * - `password`: the password is removed if it is still this one, all sessions end, and a password reset starts
 * - `factor`: the second factor and those added after it are removed, unless they are older than a day and were used;
 *   all sessions end, and a password reset starts
 * - `factors`: all sessions end, and a password reset starts. Removed factors and used codes are not restored
 * - `security_policy`: all sessions end, and a password reset starts. The policy is not restored
 * - `factor_reset`: a removal of all second factors that a super admin requested is cancelled, and nothing else changes
 * - `machine_secret`: the secret is deleted, all sessions end, and a password reset starts
 *
 * A link is void after a change of address, because someone else may own the old mailbox.
 *
 * @param user the recipient, with the present address
 * @example const content = { ...circumstancesOf(call), notMeUrl: notMeUrl(call, user, { kind: 'identity', id:
 *   identity.id }) };
 */
export function notMeUrl(call: Call, user: Pick<User, 'id' | 'email'>, subject: NotMeSubject): string {
  const name = String(call.request.headers['x-app-name']);
  return notMeUrlOfApp(call.services, { id: call.appId, name }, user, subject);
}

/** Like `notMeUrl`, for a mail that no call causes. */
export function notMeUrlOfApp(
  services: Pick<Services, 'clock' | 'config' | 'sealer'>,
  app: { readonly id: string; readonly name: string },
  user: Pick<User, 'id' | 'email'>,
  subject: NotMeSubject,
): string {
  const expiresAt = services.clock.now().getTime() + lifeMs;
  const letter = notMeLetters[subject.kind];
  const content = [letter, user.id, subjectText(subject), mailboxOf(user.email), expiresAt].join('.');
  const token = `gh_n_${letter}${services.sealer.seal(content, context(app.id)).toString('base64url')}`;
  return `${services.config.publicUrl}/apps/${app.name}/not-me#${token}`;
}

function openSealed({ sealer }: Pick<Services, 'sealer'>, appId: string, token: string): string | undefined {
  const [, sealed] = tokenPattern.exec(token) ?? [];
  if (sealed === undefined) return undefined;
  try {
    return sealer.open(Buffer.from(sealed, 'base64url'), context(appId)).toString();
  } catch (error) {
    if (error instanceof SealError) return undefined;
    throw error;
  }
}

/** Decrypts the token of a link. @returns undefined if it belongs to another app, was modified, or has expired */
export function openNotMeToken(
  services: Pick<Services, 'sealer' | 'clock'>,
  appId: string,
  token: string,
): NotMeToken | undefined {
  const [, letter = '', userId = '', subject = '', mailbox = '', expiresAt] =
    contentPattern.exec(openSealed(services, appId, token) ?? '') ?? [];
  const kind = kindOf.get(letter as 'a');
  if (kind === undefined || Number(expiresAt) <= services.clock.now().getTime()) return undefined;
  return { userId, kind, subject, mailbox };
}
