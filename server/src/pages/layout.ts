import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import type { BrandingText } from '../branding/branding.schema.ts';
import { logoUrl } from '../branding/logo-url.ts';
import { inheritedLook } from '../branding/inherited-look.ts';
import { html, type Html } from '../http/html.ts';
import { oneLine } from '../mail-texts/names.ts';
import { languages } from '../mail-texts/languages.ts';
import type { Language } from '../mail-texts/words.ts';
import { type PageTexts, pageTexts, type TextName } from '../page-texts/texts.ts';
import { defaultColor } from '../mail-texts/colors.ts';
import { type StyleValues, styleOf } from './page-style.ts';
import { scriptUrl } from './script.ts';
import type { ShownBranding } from './shown-branding.ts';

/** The branding of a page: that of an app or an organization. */
export interface PageLook extends StyleValues {
  readonly brandName: string;
  readonly language: Language;
  /** Texts of the app or organization, by `<language>.<name>`. */
  readonly texts: Readonly<Record<string, string>>;
  readonly termsUrl: string | null;
  readonly privacyUrl: string | null;
  readonly supportUrl: string | null;
  readonly logo:
    | { readonly url: string; readonly alternative: string; readonly width: number; readonly height: number }
    | undefined;
}

/** The branding of a page that belongs to no app. */
export const plainLook = (language: Language): PageLook => ({
  brandName: 'Gatehouse',
  primaryColor: null,
  primaryColorDark: null,
  radius: null,
  font: null,
  logoBackground: null,
  language,
  texts: {},
  termsUrl: null,
  privacyUrl: null,
  supportUrl: null,
  logo: undefined,
});

export function lookOf(branded: ShownBranding, language: Language): PageLook {
  const { logo, texts, ...look } = inheritedLook(branded, branded.organization);
  return {
    ...look,
    // Titles cannot isolate a name, so remove the marks that would change the direction of the text around it.
    brandName: oneLine(look.brandName),
    texts: texts ?? {},
    logo: logo && { ...logo, url: logoUrl(branded.app.name, logo.hash), alternative: oneLine(logo.alternative) },
    language,
  };
}

/** The values of placeholders between `{{` and `}}`, by name. */
export type Values = Readonly<Record<string, string>>;

/** Texts without a default. */
type AddedText = Exclude<BrandingText, TextName>;

/** The texts of a page, in its language. */
export interface Text {
  /** A text without markup, for attributes and titles. */
  plain(name: TextName, values?: Values): string;
  /** A text that only apps define; undefined if the app defines none. */
  added(name: AddedText): Html | undefined;
  /** A text with isolated values, because a value may have another writing direction. */
  (name: TextName, values?: Values): Html;
}

const placeholder = /\{\{(\w+)\}\}/g;

function isolated(template: string, values: Values): Html {
  // The pieces with an odd index are names of placeholders.
  const pieces = template.split(placeholder);
  return html`${pieces.map((piece, at) => (at % 2 === 0 ? html`${piece}` : html`<bdi>${values[piece] ?? ''}</bdi>`))}`;
}

export function textIn({ language, brandName, texts: own }: PageLook): Text {
  const ours: PageTexts = pageTexts[language];
  const templateOf = (name: TextName): string => own[`${language}.${name}`] ?? ours[name];
  const ofName = (name: TextName, values: Values = {}): Html => isolated(templateOf(name), { brandName, ...values });
  return Object.assign(ofName, {
    plain: (name: TextName, values: Values = {}): string =>
      templateOf(name).replace(placeholder, (_, key: string) => ({ brandName, ...values })[key] ?? ''),
    added: (name: AddedText): Html | undefined => {
      const template = own[`${language}.${name}`];
      return template === undefined ? undefined : isolated(template, { brandName });
    },
  });
}

/** The content of a page. */
export interface Content {
  readonly title: string;
  readonly body: Html;
  /** Default: 200. */
  readonly status?: number;
  /** The value of `Retry-After`. */
  readonly retryAfterSeconds?: number;
  /** A page of several sections. */
  readonly isWide?: boolean;
  /** The URL that the browser opens next. */
  readonly goesTo?: string;
  /** The page loads the script of the pages, for passkeys. */
  readonly hasScript?: true;
  /** An inline script of the page. The script may call the service. */
  readonly ownScript?: string;
}

/** The scripts that a page may run: the script of the service, an inline script, or none. They may call the service. */
function scriptPolicy({ hasScript, ownScript }: Content): string {
  if (!hasScript && ownScript === undefined) return '';
  const own = ownScript !== undefined && `'sha256-${createHash('sha256').update(ownScript).digest('base64')}'`;
  const sources = [...(hasScript ? ["'self'"] : []), ...(own ? [own] : [])];
  return `script-src ${sources.join(' ')}; connect-src 'self'; `;
}

/** The content security policy: no frames, and forms are sent to this service only. */
const policyOf = (style: string, content: Content): string =>
  `default-src 'none'; ${scriptPolicy(content)}style-src ${style}; img-src 'self' data:; ` +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** The logo, or the name of the app. */
export function brandOf({ logo, brandName }: PageLook): Html {
  if (!logo) return html`<p class="brand"><bdi>${brandName}</bdi></p>`;
  const { url, alternative, width, height } = logo;
  return html`<p class="logo"><img src="${url}" alt="${alternative}" width="${width}" height="${height}" /></p>`;
}

/** The icon of the tab: the logo, or a square in the primary colour. */
function iconOf({ logo, primaryColor }: PageLook): string {
  if (logo) return logo.url;
  const square = `<rect width="16" height="16" rx="4" fill="${primaryColor ?? defaultColor}"/>`;
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16">${square}</svg>`;
  return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}

/** The text and links of the app below the page. */
function below(look: PageLook): Html {
  const text = textIn(look);
  const links = (['terms', 'privacy', 'support'] as const).flatMap((name) => {
    const url = look[`${name}Url`];
    return url === null ? [] : [html`<a href="${url}" rel="noopener noreferrer nofollow">${text(name)}</a>`];
  });
  const footer = text.added('footer');
  if (links.length === 0 && !footer) return html``;
  return html`<footer class="below">
    ${footer ? html`<p>${footer}</p>` : html``} ${links.length > 0 ? html`<p class="links">${links}</p>` : html``}
  </footer>`;
}

/** The content security policy of a preview: the document loads, sends and runs nothing. */
const policyOfPreview = (style: string): string =>
  `default-src 'none'; style-src ${style}; img-src data:; base-uri 'none'; form-action 'none'`;

/**
 * A page as a document.
 *
 * @param options.isPreview whether the page is a preview, in which forms and links do not work
 */
export function documentOf(
  look: PageLook,
  { title, body, isWide, goesTo, hasScript, ownScript }: Content,
  { isPreview = false } = {},
): string {
  const { language, brandName } = look;
  const style: Html = { markup: `<style>${styleOf(look).text}</style>` };
  const refresh = goesTo === undefined ? html`` : html`<meta http-equiv="refresh" content="0;url=${goesTo}" />`;
  const own: Html = { markup: ownScript === undefined ? '' : `<script>${ownScript}</script>` };
  const brand = isWide ? html`` : brandOf(look);
  const policy = policyOfPreview(styleOf(look).source);
  const meta = isPreview ? html`<meta http-equiv="content-security-policy" content="${policy}" />` : html``;
  const inert = isPreview ? html` inert` : html``;
  return html`<!doctype html>
    <html lang="${language}" dir="${languages[language].direction}">
      <head>
        <meta charset="utf-8" />
        ${meta}
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <meta name="robots" content="noindex" />
        ${refresh}
        <link rel="icon" href="${iconOf(look)}" />
        <title>${title} · ${brandName}</title>
        ${style} ${hasScript ? html`<script type="module" src="${scriptUrl()}"></script>` : html``}
      </head>
      <body class="${isWide ? 'wide' : ''}" ${inert}>
        <main>${brand} ${body}</main>
        ${below(look)} ${own}
      </body>
    </html>`.markup;
}

/**
 * Sends a page without caching, because links of mails contain codes and pages contain personal data. Only the service
 * gets the URL of the page as referrer: without a referrer, browsers would hide the origin of forms.
 */
export async function sendContent(reply: FastifyReply, look: PageLook, content: Content): Promise<void> {
  reply.code(content.status ?? 200).headers({
    'content-security-policy': policyOf(styleOf(look).source, content),
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
    // The opener of this tab gets no reference to the window, so that the opener cannot navigate the tab.
    'cross-origin-opener-policy': 'same-origin',
    'x-robots-tag': 'noindex',
    vary: 'Origin, Accept-Language, Cookie',
    ...(content.retryAfterSeconds !== undefined && { 'retry-after': String(content.retryAfterSeconds) }),
  });
  await reply.serializer(String).type('text/html; charset=utf-8').send(documentOf(look, content));
}
