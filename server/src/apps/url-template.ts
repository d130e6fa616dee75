import type { Config } from '../config.ts';
import { ApiError } from '../http/errors.ts';
import type { App } from './apps.store.ts';

const placeholder = /\{\{\s*([^{}]*?)\s*\}\}/g;
const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);

const refuse = (detail: string): ApiError => new ApiError('redirect_url_not_allowed', { detail });

/** The template as a URL, each placeholder replaced by `x`; what stands before the path must not depend on one. */
function parse(template: string, known: readonly string[]): URL {
  const unknown = [...template.matchAll(placeholder)]
    .map(([, name = '']) => name)
    .find((name) => !known.includes(name));
  if (unknown !== undefined) throw refuse(`The URL has a placeholder {{${unknown}}}; known here: ${known.join(', ')}.`);
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
export function checkUrlTemplate(app: App, config: Config, template: string, known: readonly string[]): void {
  if (template.length > 2000) throw refuse('A URL has at most 2,000 characters.');
  const url = parse(template, known);
  if (url.username !== '' || url.password !== '') throw refuse('A URL with user info is not allowed.');
  const isPlainAllowed = url.protocol === 'http:' && !config.isProduction;
  if (url.protocol !== 'https:' && !isPlainAllowed) throw refuse('Only https URLs are allowed.');
  const isLoopback = !config.isProduction && loopbackNames.has(url.hostname);
  if (!isLoopback && !app.settings.redirectUrls.some((entry) => matches(url, entry))) {
    throw refuse(`${url.origin} is not among the redirect URLs that the app allows.`);
  }
}

/** Fills in the values, URL-encoded. */
export function fillUrlTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(placeholder, (_, name: string) => encodeURIComponent(values[name] ?? ''));
}

/**
 * The template to use: what the call sends, checked, else the app's default, else none and the mail carries the code
 * only.
 *
 * @throws ApiError `redirect_url_not_allowed`
 */
export function chooseUrlTemplate(
  app: App,
  config: Config,
  template: { sent: string | undefined; fallback: string | null; placeholders: readonly string[] },
): string | undefined {
  if (template.sent === undefined) return template.fallback ?? undefined;
  checkUrlTemplate(app, config, template.sent, template.placeholders);
  return template.sent;
}
