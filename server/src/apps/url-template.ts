import type { Config } from '../config.ts';
import type { Actor } from '../access/actor.ts';
import { ApiError } from '../http/errors.ts';
import { isLocalCaller } from '../http/local-caller.ts';
import { isLoopback } from '../http/loopback.ts';
import type { Call } from '../calls/route.ts';
import type { Settings } from './apps.schema.ts';
import type { App } from './apps.store.ts';
import { allowsTarget, entryFor, fillTwice, placeholder } from './redirect-matching.ts';

const refuse = (detail: string): ApiError => new ApiError('redirect_url_not_allowed', { detail });

/** The kind of caller who supplies a redirect URL. */
interface Namer {
  /** A bare origin in `redirectUrls` allows each of its paths. */
  readonly isTrusted: boolean;
  /**
   * The caller runs on the same machine as a service in development. An app without `redirectUrls` then allows every
   * target.
   */
  readonly isLocal: boolean;
}

/** Backends and super admins of the app are trusted; other callers are not. */
const isTrusted = (actor: Actor): boolean =>
  actor.kind === 'machine' || (actor.kind === 'user' && actor.user.isSuperAdmin);

const namerOf = ({ actor, request, services: { config } }: Call): Namer => ({
  isTrusted: isTrusted(actor),
  isLocal: config.isLocalDevelopment && isLocalCaller(request),
});

/** The target is in the settings of the app. It must be listed in development, too. */
const settingsAsNamer: Namer = { isTrusted: true, isLocal: false };

/** Parses a template. Scheme and host must not depend on a placeholder. */
function parse(template: string, known: readonly string[]) {
  const unknown = [...template.matchAll(placeholder)]
    .map(([, name = '']) => name.trim())
    .find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const names = known.length === 0 ? 'none' : known.join(', ');
    throw refuse(`The URL has the placeholder {{${unknown}}}. Allowed here: ${names}.`);
  }
  const plain = template.replace(placeholder, 'x');
  if (/\{\{|\}\}/.test(plain)) throw refuse('A placeholder is not closed.');
  if (!URL.canParse(plain)) throw refuse('This is not a URL.');
  const filled = fillTwice(template);
  if (!filled) throw refuse('Placeholders are allowed only in path, query and fragment.');
  return filled;
}

/**
 * Validates the target of a link or redirect: http(s), no user info, an entry of the app's `redirectUrls`. Plain http
 * is allowed only outside production. An unlisted loopback address is allowed only with development features.
 *
 * @param known the placeholders that can be filled in
 * @throws ApiError `redirect_url_not_allowed`, which names the setting and the entry to add
 */
function checkTarget(settings: Settings, config: Config, template: string, known: readonly string[], namer: Namer) {
  if (template.length > 2000) throw refuse('A URL has at most 2,000 characters.');
  const filled = parse(template, known);
  const { url } = filled;
  if (url.username !== '' || url.password !== '') throw refuse('A URL with user info is not allowed.');
  const isPlainAllowed = url.protocol === 'http:' && !config.isProduction;
  if (url.protocol !== 'https:' && !isPlainAllowed) throw refuse('Only https URLs are allowed.');
  if (config.developmentFeatures && isLoopback(url.hostname)) return;
  if (namer.isLocal && settings.redirectUrls.length === 0) return;
  if (allowsTarget(settings, filled, namer.isTrusted)) return;
  const entry = entryFor(template, filled);
  throw refuse(
    `The app does not allow the redirect URL ${url.origin}${url.pathname}. A super admin of the app can add ` +
      `"${entry}" to the setting redirectUrls.`,
  );
}

/**
 * Fills in the values, URL-encoded. Returns the normalized URL, a single ASCII word. Anyone can cause a mail to anyone,
 * so a template must not be able to add words or lines to the mail.
 */
export function fillUrlTemplate(template: string, values: ReadonlyMap<string, string>): string {
  const filled = template.replace(placeholder, (_, name: string) => encodeURIComponent(values.get(name.trim()) ?? ''));
  return new URL(filled).href;
}

/** The placeholders of each kind of link. */
const placeholders = {
  verificationUrl: ['code', 'userId', 'sessionToken'],
  resetUrl: ['code', 'email'],
  inviteUrl: ['code', 'email', 'orgId'],
  signInUrl: ['code', 'email'],
} as const;

export type UrlTemplateName = keyof typeof placeholders;

/** The pages of the service to which the links of mails lead. */
const pages: Readonly<Record<UrlTemplateName, string>> = {
  verificationUrl: 'verify?user={{userId}}&code={{code}}&token={{sessionToken}}',
  resetUrl: 'reset-password?email={{email}}&code={{code}}',
  inviteUrl: 'invitation?email={{email}}&org={{orgId}}&code={{code}}',
  signInUrl: 'sign-in?email={{email}}&code={{code}}',
};

/**
 * The own URL template of an app: its setting, otherwise the page of the service. Undefined if the app uses neither.
 */
export function defaultTemplate(
  { publicUrl }: Pick<Config, 'publicUrl'>,
  { name: appName, settings }: Pick<App, 'name' | 'settings'>,
  name: UrlTemplateName,
): string | undefined {
  return settings[name] ?? (settings.hostedPages ? `${publicUrl}/apps/${appName}/${pages[name]}` : undefined);
}

/**
 * The template to use: the validated template of the call, otherwise the default of the app, which was validated when
 * it was set. Without a template, the mail has only the code.
 *
 * @throws ApiError `redirect_url_not_allowed`
 */
export function chooseUrlTemplate(
  call: Call,
  app: App,
  name: UrlTemplateName,
  sent: string | undefined,
): string | undefined {
  const { config } = call.services;
  if (sent !== undefined) checkTarget(app.settings, config, sent, placeholders[name], namerOf(call));
  return sent ?? defaultTemplate(config, app, name);
}

/** The pages below `/apps/{app}/` to which a provider sends people back. */
export const providerPages = ['provider', 'sign-in', 'account/identities', 'account/identities/link'] as const;

/** Whether a URL is one of the service's own pages to which a provider sends people back. */
function isOwnPage({ publicUrl }: Config, { name, settings }: Pick<App, 'name' | 'settings'>, url: string): boolean {
  if (!settings.hostedPages || !URL.canParse(url)) return false;
  const { origin, pathname, username, password } = new URL(url);
  const paths = providerPages.map((page) => `/apps/${name}/${page}`);
  return origin === publicUrl && username + password === '' && paths.includes(pathname);
}

/** Validates the URL of a product to which a browser returns. @throws ApiError `redirect_url_not_allowed` */
export function checkRedirectUrl(call: Call, { settings }: Pick<App, 'settings'>, url: string): void {
  checkTarget(settings, call.services.config, url, [], namerOf(call));
}

/**
 * Validates the target of the return from a provider: a URL of a product, or the page for providers.
 *
 * @throws ApiError `redirect_url_not_allowed`
 */
export function checkIntentUrl(call: Call, app: Pick<App, 'name' | 'settings'>, url: string): void {
  if (!isOwnPage(call.services.config, app, url)) checkRedirectUrl(call, app, url);
}

/**
 * Refuses settings whose own URL templates are not allowed by the same settings.
 *
 * @throws ApiError `redirect_url_not_allowed`
 */
export function checkDefaultTemplates(settings: Settings, config: Config): void {
  for (const name of Object.keys(placeholders) as UrlTemplateName[]) {
    const template = settings[name];
    if (template !== null) checkTarget(settings, config, template, placeholders[name], settingsAsNamer);
  }
}
