import { html, type Html } from '../http/html.ts';
import { borderOf, inkOn } from './colors.ts';

/** The parts of a mail, in reading order. */
export interface Layout {
  readonly language: string;
  readonly direction: 'ltr' | 'rtl';
  readonly subject: string;
  readonly brandName: string;
  readonly logoUrl: string | undefined;
  readonly logoName: string;
  readonly isLogoForDark: boolean;
  /** Colour of the button and the stripe above, as `#rrggbb`. */
  readonly color: string;
  readonly heading: Html;
  readonly paragraphs: readonly Html[];
  readonly details: readonly { readonly label: string; readonly value: string }[];
  readonly code: { readonly label: string; readonly value: string } | undefined;
  readonly longCode: { readonly label: string; readonly value: string } | undefined;
  readonly link: { readonly label: Html; readonly hint: string; readonly url: string } | undefined;
  readonly note: readonly Html[];
  readonly notMe: readonly { readonly label: string; readonly url: string }[];
  readonly footer: readonly Html[];
}

const fonts = '-apple-system,BlinkMacSystemFont,Segoe UI,Roboto,Helvetica,Arial,Noto Sans Arabic,sans-serif';
const monospace = 'ui-monospace,SFMono-Regular,Menlo,Consolas,DejaVu Sans Mono,monospace';

const edges = ['right', 'bottom', 'left'].map((side) => `border-${side}-color:#3a3a3c !important`).join(';');

/** The style of dark mode, for mail programs that support style sheets. Others show the light mode. */
const byNight =
  `:root{color-scheme:light dark;supported-color-schemes:light dark}
@media (max-width:600px){.card{padding:24px 20px !important}}
@media (prefers-color-scheme:dark){.ground{background:#000000 !important}.card{background:#1c1c1e !important;${edges}}
.ink,.ink a{color:#f2f2f7 !important}.quiet,.quiet a{color:#a1a1a6 !important}` +
  '.box{background:#2c2c2e !important;border-color:#48484a !important}}';

const table = 'role="presentation" cellpadding="0" cellspacing="0" border="0"';

function brand({ logoUrl, logoName, isLogoForDark, brandName }: Layout): Html {
  const style = `font-family:${fonts};font-size:18px;line-height:24px;font-weight:600;color:#1c1c1e`;
  if (logoUrl === undefined) return html`<bdi class="ink" style="${style}">${brandName}</bdi>`;
  const ground = isLogoForDark ? 'background:#1c1c1e;padding:8px;border-radius:6px' : '';
  const size = 'height:40px;max-height:40px;width:auto;max-width:240px';
  const image = `display:inline-block;border:0;${size};${style};${ground}`;
  return html`<img class="ink" src="${logoUrl}" alt="${logoName}" height="40" style="${image}" />`;
}

const paragraph = (content: Html): Html =>
  html`<p class="ink" style="margin:0 0 16px;font-family:${fonts};font-size:16px;line-height:25px;color:#1c1c1e">
    ${content}
  </p>`;

const smallPrint = (content: Html): Html =>
  html`<p class="quiet" style="margin:0 0 8px;font-family:${fonts};font-size:13px;line-height:20px;color:#5f6368">
    ${content}
  </p>`;

function detailRows({ details, direction }: Layout): Html {
  if (details.length === 0) return html``;
  const align = direction === 'rtl' ? 'right' : 'left';
  const cell = `font-family:${fonts};font-size:14px;line-height:21px;text-align:${align};vertical-align:top`;
  const gap = direction === 'rtl' ? 'padding:2px 0 2px 16px' : 'padding:2px 16px 2px 0';
  const rows = details.map(
    ({ label, value }) =>
      html`<tr>
        <td class="quiet" align="${align}" style="${cell};${gap};color:#5f6368;white-space:nowrap">${label}</td>
        <td class="ink" align="${align}" style="${cell};padding:2px 0;color:#1c1c1e;word-break:break-word">
          <bdi>${value}</bdi>
        </td>
      </tr>`,
  );
  return html`<table ${raw(table)} style="margin:0 0 20px">
    ${rows}
  </table>`;
}

function codeBox({ code }: Layout): Html {
  if (!code) return html``;
  const frame = 'background:#f2f3f5;border:1px solid #d9dce1;border-radius:8px';
  const style = `padding:14px 16px 12px;${frame};text-align:center`;
  const size = 'font-size:28px;line-height:36px;font-weight:700;letter-spacing:4px';
  const digits = `font-family:${monospace};${size};color:#1c1c1e`;
  return html`<table ${raw(table)} width="100%" style="margin:4px 0 24px">
    <tr>
      <td class="box" align="center" style="${style}">
        <div class="quiet" style="font-family:${fonts};font-size:13px;line-height:20px;color:#5f6368">
          ${code.label}
        </div>
        <div class="ink" dir="ltr" style="${digits}">${code.value}</div>
      </td>
    </tr>
  </table>`;
}

/** Shown in small type, because most people type the short code or follow the link. */
function longCodeLine({ longCode }: Layout): Html {
  if (!longCode) return html``;
  const value = `font-family:${monospace};font-size:14px;line-height:22px;color:#1c1c1e`;
  return smallPrint(html`${longCode.label}<br /><span class="ink" dir="ltr" style="${value}">${longCode.value}</span>`);
}

/** A table cell, because some clients give links no padding. */
function button({ link, color }: Layout): Html {
  if (!link) return html``;
  const ink = inkOn(color);
  const cell = `background:${color};border:1px solid ${borderOf(color)};border-radius:8px`;
  const font = `font-family:${fonts};font-size:16px;line-height:22px;font-weight:600`;
  const anchor = `display:inline-block;padding:12px 24px;${font};color:${ink};text-decoration:none`;
  return html`<table ${raw(table)} style="margin:0 0 20px">
      <tr>
        <td align="center" bgcolor="${color}" style="${cell}">
          <a href="${link.url}" target="_blank" rel="noopener noreferrer" style="${anchor}"
            ><span style="color:${ink}">${link.label}</span></a
          >
        </td>
      </tr>
    </table>
    ${smallPrint(
      html`${link.hint}<br /><a
          href="${link.url}"
          target="_blank"
          rel="noopener noreferrer"
          dir="ltr"
          style="color:#5f6368;word-break:break-all"
          >${link.url}</a
        >`,
    )}`;
}

/** Outlook on Windows ignores `max-width`, so it alone gets a table of that width around the mail. */
const outlookOpens = `<!--[if mso]><table ${table} width="560" align="center"><tr><td><![endif]-->`;
const outlookCloses = '<!--[if mso]></td></tr></table><![endif]-->';

const notMeLink = ({ label, url }: Layout['notMe'][number]): Html =>
  smallPrint(html`<a href="${url}" target="_blank" rel="noopener noreferrer" style="color:#5f6368">${label}</a>`);

/** Accepts only constants of this file, because the text is not escaped. */
function raw(markup: string): Html {
  return { markup };
}

/**
 * A mail as HTML that looks the same in common mail programs: tables, inline styles, no scripts, and no external
 * content except the
 * logo.
 */
export function layOut(layout: Layout): string {
  const { language, direction, subject, color, heading, paragraphs, note, footer } = layout;
  const align = direction === 'rtl' ? 'right' : 'left';
  const border = `border:1px solid #dfe1e5;border-top:4px solid ${color};border-radius:10px`;
  const card = `padding:32px 36px;background:#ffffff;${border};text-align:${align}`;
  const details = html`${detailRows(layout)}${codeBox(layout)}${longCodeLine(layout)}`;
  const headingFont = `font-family:${fonts};font-size:22px;line-height:30px;font-weight:700`;
  const { markup } = html`<!doctype html>
    <html lang="${language}" dir="${direction}">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width,initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta name="supported-color-schemes" content="light dark" />
        <meta name="format-detection" content="telephone=no,date=no,address=no,email=no,url=no" />
        <title>${subject}</title>
        <style>
          ${raw(byNight)}
        </style>
      </head>
      <body class="ground" style="margin:0;padding:0;background:#f2f3f5">
        <table ${raw(table)} width="100%" class="ground" style="background:#f2f3f5">
          <tr>
            <td align="center" style="padding:24px 12px">
              ${raw(outlookOpens)}
              <table ${raw(table)} width="100%" dir="${direction}" style="max-width:560px">
                <tr>
                  <td class="card" align="${align}" style="${card}">
                    <div style="margin:0 0 24px">${brand(layout)}</div>
                    <h1 class="ink" style="margin:0 0 16px;${headingFont};color:#1c1c1e">${heading}</h1>
                    ${paragraphs.map(paragraph)}${details}${button(layout)}
                    ${note.map(smallPrint)}${layout.notMe.map(notMeLink)}
                  </td>
                </tr>
                <tr>
                  <td align="center" style="padding:16px 12px;text-align:center">${footer.map(smallPrint)}</td>
                </tr>
              </table>
              ${raw(outlookCloses)}
            </td>
          </tr>
        </table>
      </body>
    </html> `;
  // Removes the indentation of this file, which would be a third of the mail.
  return markup.replace(/\n\s+/g, '\n');
}
