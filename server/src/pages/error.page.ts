import type { FastifyReply, FastifyRequest } from 'fastify';
import { type BrandedApp, findBrandedApp } from '../branding/branding.store.ts';
import type { Queryable } from '../db/db.ts';
import { findAppNameOfIntent } from '../federation/intents.store.ts';
import type { ApiError } from '../http/errors.ts';
import { id as idSchema } from '../http/fields.ts';
import { html } from '../http/html.ts';
import { weightOf } from '../http/negotiated.ts';
import { languageOfBrowser } from '../mail-texts/languages.ts';
import { lookOf, plainLook, sendContent, textIn } from './layout.ts';
import { alertOf } from './problems.ts';

/** Whether a browser shows the response to a person: forms and links of pages, and redirects through a provider. */
export function isForPeople({ method, url, headers, routeOptions }: FastifyRequest): boolean {
  if (routeOptions.config.route?.page) return true;
  return method === 'GET' && /^\/(?:apps|idps)\//.test(url) && weightOf(headers.accept ?? '', 'text/html') > 0;
}

/** The name of the app: from the path, or from the sign-in with a provider; undefined if neither names an app. */
async function appNameOf(db: Queryable, url: string): Promise<string | undefined> {
  const [, name] = /^\/apps\/([\w-]+)(?:[/?]|$)/.exec(url) ?? [];
  const [, intentId] = /^\/idps\/(?:start\/|callback\?(?:.*&)?state=)(\d+)/.exec(url) ?? [];
  const intent = idSchema.safeParse(intentId);
  return name ?? (intent.success ? findAppNameOfIntent(db, intent.data) : undefined);
}

/**
 * The app whose branding the page has. The branding of an app without hosted pages is not shown. If the service fails,
 * the database is not read.
 */
async function findShownApp(db: Queryable, error: ApiError, url: string): Promise<BrandedApp | undefined> {
  if (error.status >= 500) return undefined;
  const name = await appNameOf(db, url);
  const branded = name === undefined ? undefined : await findBrandedApp(db, name);
  return branded?.app.settings.hostedPages ? branded : undefined;
}

/** Sends a refusal as a page, with the branding of the app if the app is known. The text depends on the code only. */
export async function sendErrorPage(
  db: Queryable,
  error: ApiError,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  if (error.status >= 500) request.log.error({ err: error.cause ?? error }, error.message);
  const branded = await findShownApp(db, error, request.url).catch((cause: unknown) => {
    request.log.warn({ err: cause }, 'the error page is shown without the branding of the app');
    return undefined;
  });
  const language = languageOfBrowser(request.headers['accept-language']) ?? branded?.app.settings.language ?? 'en';
  const look = branded ? lookOf({ ...branded, organization: undefined }, language) : plainLook(language);
  const text = textIn(look);
  const retryAfterSeconds = Number(error.headers['retry-after'] ?? 0);
  const alert = alertOf({ code: error.code, status: error.status, requestId: request.id, retryAfterSeconds }, text);
  const signIn =
    branded?.app.status === 'ACTIVE'
      ? html`<p><a class="button second" href="/apps/${branded.app.name}/sign-in">${text('signIn')}</a></p>`
      : html``;
  return sendContent(reply.headers(error.headers), look, {
    title: text.plain('problemTitle'),
    status: error.status,
    body: html`<h1>${text('problemTitle')}</h1>
      ${alert} ${signIn}`,
  });
}
