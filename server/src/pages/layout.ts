import type { FastifyReply } from 'fastify';
import type { App } from '../apps/apps.store.ts';
import { html, type Html } from '../http/html.ts';
import { languages } from '../mail-texts/languages.ts';
import type { Language } from '../mail-texts/words.ts';
import { type PageTexts, pageTexts, type TextName } from '../page-texts/texts.ts';
import { styleOf } from './page-style.ts';
import { scriptUrl } from './script.ts';

/** What a page shows of the app. */
export interface Look {
  readonly brandName: string;
  readonly color: string | null | undefined;
  readonly language: Language;
}

/** The look of a page that belongs to no app. */
export const plainLook = (language: Language): Look => ({ brandName: 'Gatehouse', color: null, language });

export const lookOf = ({ displayName, settings }: App, language: Language): Look => ({
  brandName: settings.mail.brandName ?? displayName,
  color: settings.mail.color,
  language,
});

/** What a text contains between `{{` and `}}`, by name. */
export type Values = Readonly<Record<string, string>>;

/** The texts of a page, in its language. */
export interface Text {
  /** A text as plain characters, for attributes and titles. */
  plain(name: TextName, values?: Values): string;
  /** A text with its values isolated, since they may be written in another direction. */
  (name: TextName, values?: Values): Html;
}

const placeholder = /\{\{(\w+)\}\}/g;

export function textIn({ language, brandName }: Look): Text {
  const texts: PageTexts = pageTexts[language];
  const plain = (name: TextName, values: Values = {}): string =>
    texts[name].replace(placeholder, (_, key: string) => ({ brandName, ...values })[key] ?? '');
  const isolated = (name: TextName, values: Values = {}): Html => {
    const all: Values = { brandName, ...values };
    // The odd pieces are names of placeholders.
    const pieces = texts[name].split(placeholder);
    return html`${pieces.map((piece, at) => (at % 2 === 0 ? html`${piece}` : html`<bdi>${all[piece] ?? ''}</bdi>`))}`;
  };
  return Object.assign(isolated, { plain });
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
}

/** Scripts of the service itself only, and only on pages that load one. They may call the service. */
const scriptPolicy = "script-src 'self'; connect-src 'self'; ";

/** The page cannot be framed, and its forms are sent to this service only. */
const policyOf = (style: string, hasScript: boolean | undefined): string =>
  `default-src 'none'; ${hasScript ? scriptPolicy : ''}style-src ${style}; img-src 'self' data:; ` +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

function document(look: Look, { title, body, isWide, goesTo, hasScript }: Content): Html {
  const { language, brandName } = look;
  const style: Html = { markup: `<style>${styleOf(look.color).text}</style>` };
  const refresh = goesTo === undefined ? html`` : html`<meta http-equiv="refresh" content="0;url=${goesTo}" />`;
  const brand = isWide ? html`` : html`<p class="brand"><bdi>${brandName}</bdi></p>`;
  return html`<!doctype html>
    <html lang="${language}" dir="${languages[language].direction}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <meta name="robots" content="noindex" />
        ${refresh}
        <title>${title} · ${brandName}</title>
        ${style} ${hasScript ? html`<script type="module" src="${scriptUrl()}"></script>` : html``}
      </head>
      <body class="${isWide ? 'wide' : ''}">
        <main>${brand} ${body}</main>
      </body>
    </html>`;
}

/**
 * Sends a page. Nothing of it is stored, since links of mails contain codes and pages contain personal data. Only the
 * service itself sees the address of the page as referrer: without any, browsers would hide the origin of its forms.
 */
export async function sendContent(reply: FastifyReply, look: Look, content: Content): Promise<void> {
  reply.code(content.status ?? 200).headers({
    'content-security-policy': policyOf(styleOf(look.color).source, content.hasScript),
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
    'x-robots-tag': 'noindex',
    vary: 'Origin, Accept-Language, Cookie',
  });
  await reply.serializer(String).type('text/html; charset=utf-8').send(document(look, content).markup);
}
