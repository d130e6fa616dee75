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

/** What a page shows of the app or organization. */
export interface PageLook extends StyleValues {
  readonly brandName: string;
  readonly language: Language;
  /** Own texts by `<language>.<name>`. */
  readonly texts: Readonly<Record<string, string>>;
  readonly termsUrl: string | null;
  readonly privacyUrl: string | null;
  readonly supportUrl: string | null;
  readonly logo:
    | { readonly url: string; readonly alternative: string; readonly width: number; readonly height: number }
    | undefined;
}

/** The look of a page that belongs to no app. */
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
    // Without marks that change the direction of the text around the name. Titles cannot isolate it.
    brandName: oneLine(look.brandName),
    texts: texts ?? {},
    logo: logo && { ...logo, url: logoUrl(branded.app.name, logo.hash), alternative: oneLine(logo.alternative) },
    language,
  };
}

/** What a text contains between `{{` and `}}`, by name. */
export type Values = Readonly<Record<string, string>>;

/** Texts that the service has no default for. */
type AddedText = Exclude<BrandingText, TextName>;

/** The texts of a page, in its language. */
export interface Text {
  /** A text as plain characters, for attributes and titles. */
  plain(name: TextName, values?: Values): string;
  /** A text that only apps have; undefined if the app has none. */
  added(name: AddedText): Html | undefined;
  /** A text with its values isolated, since they may be written in another direction. */
  (name: TextName, values?: Values): Html;
}

const placeholder = /\{\{(\w+)\}\}/g;

function isolated(template: string, values: Values): Html {
  // The odd pieces are names of placeholders.
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
  /** A page of several sections. */
  readonly isWide?: boolean;
  /** The browser goes on to this address. */
  readonly goesTo?: string;
  /** The page loads the script of the pages, for passkeys. */
  readonly hasScript?: true;
  /** A script of the page itself. It may call the service. */
  readonly ownScript?: string;
}

/** The scripts of a page: that of the service, its own, or none. They may call the service. */
function scriptPolicy({ hasScript, ownScript }: Content): string {
  if (!hasScript && ownScript === undefined) return '';
  const own = ownScript !== undefined && `'sha256-${createHash('sha256').update(ownScript).digest('base64')}'`;
  const sources = [...(hasScript ? ["'self'"] : []), ...(own ? [own] : [])];
  return `script-src ${sources.join(' ')}; connect-src 'self'; `;
}

/** The page cannot be framed, and its forms are sent to this service only. */
const policyOf = (style: string, content: Content): string =>
  `default-src 'none'; ${scriptPolicy(content)}style-src ${style}; img-src 'self' data:; ` +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/** The logo, or the name of the app. */
export function brandOf({ logo, brandName }: PageLook): Html {
  if (!logo) return html`<p class="brand"><bdi>${brandName}</bdi></p>`;
  const { url, alternative, width, height } = logo;
  return html`<p class="logo"><img src="${url}" alt="${alternative}" width="${width}" height="${height}" /></p>`;
}

/** The icon of the tab: the logo, or the square of the brand in its colour. */
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

/** Nothing is loaded, sent or run, wherever the document is shown. */
const policyOfPreview = (style: string): string =>
  `default-src 'none'; style-src ${style}; img-src data:; base-uri 'none'; form-action 'none'`;

/**
 * A page as a document.
 *
 * @param options.isPreview the page is only looked at: nothing on it can be used
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
 * Sends a page. Nothing of it is stored, since links of mails contain codes and pages contain personal data. Only the
 * service itself sees the address of the page as referrer: without any, browsers would hide the origin of its forms.
 */
export async function sendContent(reply: FastifyReply, look: PageLook, content: Content): Promise<void> {
  reply.code(content.status ?? 200).headers({
    'content-security-policy': policyOf(styleOf(look).source, content),
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
    // A page that opened this one in a tab gets no handle with which it could show another page there.
    'cross-origin-opener-policy': 'same-origin',
    'x-robots-tag': 'noindex',
    vary: 'Origin, Accept-Language, Cookie',
  });
  await reply.serializer(String).type('text/html; charset=utf-8').send(documentOf(look, content));
}
