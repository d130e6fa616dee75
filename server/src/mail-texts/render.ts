import { groupCode } from '../keys/secrets.ts';
import { html, type Html } from '../http/html.ts';
import { deviceName } from './device-name.ts';
import { languages, timeInWords } from './languages.ts';
import { layOut } from './layout.ts';
import { cut, isVisible, nameInBody, nameInSubject, oneLine } from './names.ts';
import { type MailContent, type MailField, mailPurposes, type MailPurpose } from './mail-purposes.ts';
import { footerWords, type OwnTexts, purposeWords } from './own-texts.ts';
import type { Language, Words } from './words.ts';

/** How the mails of an app look. */
export interface Look {
  readonly language: Language;
  readonly brandName: string;
  readonly logoUrl: string | undefined;
  /** As `#rrggbb`; undefined: ours. */
  readonly color: string | undefined;
  readonly texts: OwnTexts;
}

export interface RenderedMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

const ourColor = '#1f5fd0';
function roleName(words: Words, role: string | undefined): string {
  if (role === 'ORG_OWNER' || role === 'ORG_USER_MANAGER') return words.roles[role];
  return role ?? '';
}

/** An app's own text of a subject has no line break; this one makes sure of it. */
const inOneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, ' ').trim();

type Values = ReadonlyMap<string, string>;

/**
 * What stands for each placeholder in a text.
 *
 * @param toName how a name that others chose is shown
 */
function valuesOf(
  words: Words,
  content: MailContent,
  { brandName, language }: Look,
  toName: (name: string) => string,
): Values {
  const { organizationName = '', device = '', address = '', time = '', email = '', provider = '' } = content;
  const { unlinked = '', linked = '' } = content;
  const values: Record<MailField | 'brandName', string> = {
    brandName: toName(brandName),
    organizationName: isVisible(organizationName) ? toName(organizationName) : words.anOrganization,
    role: toName(roleName(words, content.role)),
    device: deviceName(device) ?? words.unknownDevice,
    address: cut(oneLine(address)),
    time: timeInWords(time, language),
    email: cut(oneLine(email)),
    provider: toName(provider),
    unlinked: toName(unlinked),
    linked: toName(linked),
  };
  return new Map(Object.entries(values));
}

const placeholder = /\{\{(\w+)\}\}/g;

/** One pass: what a value holds is text, whatever it looks like. */
const fill = (text: string, values: Values): string =>
  text.replace(placeholder, (_, name: string) => values.get(name) ?? '');

/** The same as HTML; a value that is written in the other direction stays in its place. */
function fillHtml(text: string, values: Values): Html {
  const pieces = text.split(placeholder).map((piece, index): Html => {
    if (index % 2 === 1) return html`<bdi>${values.get(piece) ?? ''}</bdi>`;
    return {
      markup: piece
        .split('\n')
        .map((line) => html`${line}`.markup)
        .join('<br />'),
    };
  });
  return html`${pieces}`;
}

/** The "not me" links of a mail: the one about what the mail reports, then one for each thing that it lists. */
const notMeLinksOf = ({ notMe }: Words['common'], { notMeUrl, notMeLinks = [] }: MailContent) => [
  ...(notMeUrl === undefined ? [] : [{ label: notMe, url: notMeUrl }]),
  ...notMeLinks.map(({ name, url }) => ({ label: `${notMe}: ${nameInBody(name)}`, url })),
];

/** Paragraphs are parted by empty lines. */
const paragraphsOf = (text: string): string[] => text.split(/\n{2,}/).filter((paragraph) => paragraph.trim() !== '');

/** Puts a mail into words, as plain text and as HTML. Whatever came from users is escaped. */
export function renderMail(purpose: MailPurpose, content: MailContent, look: Look): RenderedMail {
  const { words, direction } = languages[look.language];
  const own = purposeWords(look.texts, words, look.language, purpose);
  const values = valuesOf(words, content, look, nameInBody);
  const subject = inOneLine(fill(own.subject, valuesOf(words, content, look, nameInSubject)));
  const [paragraphs, note, footer] = [own.body, own.note, footerWords(look.texts, words, look.language)].map(
    paragraphsOf,
  ) as [string[], string[], string[]];
  const details = mailPurposes[purpose].details
    .filter((field) => content[field] !== undefined)
    .map((field) => ({ label: words.labels[field], value: values.get(field) ?? '' }));
  const { code, longCode, url } = content;
  const { codeLabel, longCodeLabel, linkHint } = words.common;
  const notMe = notMeLinksOf(words.common, content);
  const grouped = longCode === undefined ? undefined : groupCode(longCode);

  const asText = (text: string) => fill(text, values);
  const text = [
    ...paragraphs.map(asText),
    ...(details.length === 0 ? [] : [details.map(({ label, value }) => `${label}: ${value}`).join('\n')]),
    ...(code === undefined ? [] : [`${codeLabel}: ${code}`]),
    ...(grouped === undefined ? [] : [`${longCodeLabel}:\n${grouped}`]),
    ...(url === undefined ? [] : [`${asText(own.action)}:\n${url}`]),
    ...note.map(asText),
    ...notMe.map((link) => `${link.label}:\n${link.url}`),
    ...(footer.length === 0 ? [] : ['--', ...footer.map(asText)]),
  ].join('\n\n');

  const asHtml = (part: string) => fillHtml(part, values);
  const document = layOut({
    language: look.language,
    direction,
    subject,
    brandName: values.get('brandName') ?? '',
    logoUrl: look.logoUrl,
    color: look.color ?? ourColor,
    heading: asHtml(own.heading),
    paragraphs: paragraphs.map(asHtml),
    details,
    code: code === undefined ? undefined : { label: codeLabel, value: code },
    longCode: grouped === undefined ? undefined : { label: longCodeLabel, value: grouped },
    link: url === undefined ? undefined : { label: asHtml(own.action), hint: linkHint, url },
    note: note.map(asHtml),
    notMe,
    footer: footer.map(asHtml),
  });
  return { subject, text: `${text}\n`, html: document };
}
