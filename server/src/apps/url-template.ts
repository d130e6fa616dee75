import type { Config } from '../config.ts';
import { ApiError } from '../http/errors.ts';
import { isLoopback } from '../http/loopback.ts';
import type { Settings } from './apps.schema.ts';
import type { App } from './apps.store.ts';

/** One quantifier only: with more, white space alone would keep it busy for seconds. */
const placeholder = /\{\{([^{}]*)\}\}/g;

const refuse = (detail: string): ApiError => new ApiError('redirect_url_not_allowed', { detail });

/** The template as a URL, each placeholder replaced by `x`; what stands before the path must not depend on one. */
function parse(template: string, known: readonly string[]): URL {
  const unknown = [...template.matchAll(placeholder)]
    .map(([, name = '']) => name.trim())
    .find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const names = known.length === 0 ? 'none' : known.join(', ');
    throw refuse(`The URL has a placeholder {{${unknown}}}; known here: ${names}.`);
  }
  if (/\{\{|\}\}/.test(template.replace(placeholder, ''))) throw refuse('A placeholder is not closed.');
  const [filled, filledOtherwise] = ['x', 'y'].map((value) => template.replace(placeholder, value));
  if (!filled || !filledOtherwise || !URL.canParse(filled)) throw refuse('This is not a URL.');
  const url = new URL(filled);
  // Asked of the parser, not of the text: it drops tabs and superfluous slashes and takes a backslash for a slash.
  if (!URL.canParse(filledOtherwise) || new URL(filledOtherwise).origin !== url.origin) {
    throw refuse('Placeholders may stand in path, query or fragment only.');
  }
  return url;
}

/** An entry that is a bare origin allows each of its paths, one with a path that path exactly. */
function matches(url: URL, entry: string): boolean {
  const allowed = new URL(entry);
  const isBareOrigin = allowed.pathname === '/' && allowed.search === '' && allowed.hash === '' && !entry.endsWith('/');
  return url.origin === allowed.origin && (isBareOrigin || url.pathname === allowed.pathname);
}

/**
 * Checks where a link of a mail may lead: http(s), no user info, one of the app's `redirectUrls`. Plain http, and
 * loopback that is not listed, only outside production.
 *
 * @param known the placeholders that can be filled in
 * @throws ApiError `redirect_url_not_allowed`
 */
function checkUrlTemplate(settings: Settings, config: Config, template: string, known: readonly string[]): void {
  if (template.length > 2000) throw refuse('A URL has at most 2,000 characters.');
  const url = parse(template, known);
  if (url.username !== '' || url.password !== '') throw refuse('A URL with user info is not allowed.');
  const isPlainAllowed = url.protocol === 'http:' && !config.isProduction;
  if (url.protocol !== 'https:' && !isPlainAllowed) throw refuse('Only https URLs are allowed.');
  const isOwnMachine = !config.isProduction && isLoopback(url.hostname);
  if (!isOwnMachine && !settings.redirectUrls.some((entry) => matches(url, entry))) {
    throw refuse(`${url.origin} is not among the redirect URLs that the app allows.`);
  }
}

/**
 * Fills in the values, URL-encoded. What comes out is spelled as the parser spells it: one word of ASCII. Anybody may ask
 * for a mail to anybody, and words or lines in a template would be words of ours to whoever reads the mail.
 */
export function fillUrlTemplate(template: string, values: ReadonlyMap<string, string>): string {
  const filled = template.replace(placeholder, (_, name: string) => encodeURIComponent(values.get(name.trim()) ?? ''));
  return new URL(filled).href;
}

/** The placeholders that each kind of link can fill in. */
const placeholders = {
  verificationUrl: ['code', 'userId', 'sessionToken'],
  resetUrl: ['code', 'email'],
  inviteUrl: ['code', 'email', 'orgId'],
} as const;

export type UrlTemplateName = keyof typeof placeholders;

/**
 * The template to use: what the call sends, checked, else the app's default, which was checked when it was set, else
 * none and the mail carries the code only.
 *
 * @throws ApiError `redirect_url_not_allowed`
 */
export function chooseUrlTemplate(
  app: App,
  config: Config,
  name: UrlTemplateName,
  sent: string | undefined,
): string | undefined {
  if (sent !== undefined) checkUrlTemplate(app.settings, config, sent, placeholders[name]);
  return sent ?? app.settings[name] ?? undefined;
}

/** Checks where a browser may be sent after a sign-in elsewhere. @throws ApiError `redirect_url_not_allowed` */
export function checkRedirectUrl({ settings }: Pick<App, 'settings'>, config: Config, url: string): void {
  checkUrlTemplate(settings, config, url, []);
}

/** Refuses settings whose default templates the same settings would not allow. @throws ApiError `redirect_url_not_allowed` */
export function checkDefaultTemplates(settings: Settings, config: Config): void {
  for (const name of ['verificationUrl', 'resetUrl', 'inviteUrl'] as const) {
    const template = settings[name];
    if (template !== null) checkUrlTemplate(settings, config, template, placeholders[name]);
  }
}
