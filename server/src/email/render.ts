import { html, type Html } from '../platform/html.ts';
import { deviceName } from './device-name.ts';
import { languages, timeInWords } from './languages.ts';
import { layOut } from './layout.ts';
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
const longestValue = 300;

/** Marks that turn the direction of what follows: with them a name could turn a whole sentence around. */
const turns = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/g;

/** One line of text that leaves what stands beside it alone. */
export const oneLine = (text: string): string =>
  text
    .replace(turns, '')
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim();

/**
 * What others chose as a name must not become a link: mail programs make one of whatever looks like an address. An
 * invisible mark that joins words breaks that and nothing else.
 */
const unlinked = (text: string): string => text.replace(/(?<=\S)[.:/@](?=\S)/g, '$&\u2060');

/** Whether anything of a name can be seen: marks alone would leave a gap in the sentence. */
const isVisible = (name: string): boolean => /[^\s\p{C}\p{Default_Ignorable_Code_Point}]/u.test(name);

/** By characters, so that none is cut in two. */
const cut = (text: string): string => Array.from(text).slice(0, longestValue).join('');

function roleName(words: Words, role: string | undefined): string {
  if (role === 'ORG_OWNER' || role === 'ORG_USER_MANAGER') return words.roles[role];
  return role ?? '';
}

type Values = ReadonlyMap<string, string>;

/** What stands for each name in a text. */
function valuesOf(words: Words, content: MailContent, { brandName, language }: Look): Values {
  const {
    organizationName = words.anOrganization,
    device = '',
    address = '',
    time = '',
    email = '',
    provider = '',
  } = content;
  const values: Record<MailField | 'brandName', string> = {
    brandName,
    organizationName: isVisible(organizationName) ? unlinked(organizationName) : words.anOrganization,
    role: unlinked(roleName(words, content.role)),
    device: deviceName(device) ?? words.unknownDevice,
    address,
    time: timeInWords(time, language),
    email,
    provider,
  };
  return new Map(Object.entries(values).map(([name, value]) => [name, cut(oneLine(value))]));
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

/** Paragraphs are parted by empty lines. */
const paragraphsOf = (text: string): string[] => text.split(/\n{2,}/).filter((paragraph) => paragraph.trim() !== '');

/** Puts a mail into words, as plain text and as HTML. Whatever came from users is escaped. */
export function renderMail(purpose: MailPurpose, content: MailContent, look: Look): RenderedMail {
  const { words, direction } = languages[look.language];
  const own = purposeWords(look.texts, words, look.language, purpose);
  const values = valuesOf(words, content, look);
  const subject = oneLine(fill(own.subject, values));
  const [paragraphs, note, footer] = [own.body, own.note, footerWords(look.texts, words, look.language)].map(
    paragraphsOf,
  ) as [string[], string[], string[]];
  const details = mailPurposes[purpose].details
    .filter((field) => content[field] !== undefined)
    .map((field) => ({ label: words.labels[field], value: values.get(field) ?? '' }));
  const { code, url, notMeUrl } = content;
  const { codeLabel, linkHint, notMe } = words.common;

  const asText = (text: string) => fill(text, values);
  const text = [
    ...paragraphs.map(asText),
    ...(details.length === 0 ? [] : [details.map(({ label, value }) => `${label}: ${value}`).join('\n')]),
    ...(code === undefined ? [] : [`${codeLabel}: ${code}`]),
    ...(url === undefined ? [] : [`${asText(own.action)}:\n${url}`]),
    ...note.map(asText),
    ...(notMeUrl === undefined ? [] : [`${notMe}:\n${notMeUrl}`]),
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
    link: url === undefined ? undefined : { label: asHtml(own.action), hint: linkHint, url },
    note: note.map(asHtml),
    notMe: notMeUrl === undefined ? undefined : { label: notMe, url: notMeUrl },
    footer: footer.map(asHtml),
  });
  return { subject, text: `${text}\n`, html: document };
}
