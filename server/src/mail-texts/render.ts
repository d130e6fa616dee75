import { groupCode } from '../keys/secrets.ts';
import { html, type Html } from '../http/html.ts';
import { defaultColor } from './colors.ts';
import { deviceName } from './device-name.ts';
import { languages, timeInWords } from './languages.ts';
import { layOut } from './layout.ts';
import { cut, isVisible, nameInBody, nameInSubject, oneLine } from './names.ts';
import {
  type MailContent,
  type MailField,
  mailPurposes,
  type MailPurpose,
  type PolicyChange,
} from './mail-purposes.ts';
import { footerWords, type OwnTexts, purposeWords } from './own-texts.ts';
import type { Language, PurposeWords, Words } from './words.ts';

/** The branding of an app's mails. */
export interface Branding {
  readonly language: Language;
  readonly brandName: string;
  readonly logoUrl: string | undefined;
  /** The owner of the logo, if this is not the brand. */
  readonly logoName?: string | undefined;
  /** Whether the logo can only be seen on a dark ground. */
  readonly isLogoForDark?: boolean;
  /** The colour as `#rrggbb`; undefined: the default colour. */
  readonly color: string | undefined;
  readonly texts: OwnTexts;
}

export interface RenderedMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

function roleName(words: Words, role: string | undefined): string {
  if (role === 'ORG_OWNER' || role === 'ORG_USER_MANAGER') return words.roles[role];
  return role ?? '';
}

/** Validation already refuses line breaks in subjects. This is a second guard. */
const inOneLine = (text: string): string => text.replace(/[\s\p{Cc}]+/gu, ' ').trim();

type Values = ReadonlyMap<string, string>;

/** An e-mail address in which no mail program sees another link. */
const ordinaryAddress = /^(?!www\.)[\p{L}\p{N}._+'-]+@[\p{L}\p{N}.-]+$/iu;

/**
 * The value of each placeholder.
 *
 * @param toName converts a name or address that people chose to safe text
 */
function valuesOf(
  words: Words,
  content: MailContent,
  { brandName, language }: Branding,
  toName: (name: string) => string,
): Values {
  const { organizationName = '', device = '', address = '', time = '', email = '', provider = '' } = content;
  const toAddress = (text: string) => (ordinaryAddress.test(text) ? cut(oneLine(text)) : toName(text));
  const { unlinked = '', linked = '', keyName = '', machineUser = '', factorName = '', codesLeft = '' } = content;
  const { effectiveAt = '', changedBy = '', settings = '' } = content;
  const values: Record<MailField | 'brandName', string> = {
    brandName: toName(brandName),
    organizationName: isVisible(organizationName) ? toName(organizationName) : words.anOrganization,
    role: toName(roleName(words, content.role)),
    device: deviceName(device) ?? words.unknownDevice,
    address: cut(oneLine(address)),
    time: timeInWords(time, language),
    email: toAddress(email),
    provider: toName(provider),
    keyName: toName(keyName),
    unlinked: toName(unlinked),
    linked: toName(linked),
    machineUser: toName(machineUser),
    factorName: toName(factorName),
    codesLeft,
    effectiveAt: timeInWords(effectiveAt, language),
    settings,
    changedBy: changedBy === '' ? words.anAdministrator : toAddress(changedBy),
  };
  return new Map(Object.entries(values));
}

const placeholder = /\{\{(\w+)\}\}/g;

/** Replaces in one pass, so that a value that looks like a placeholder stays text. */
const fill = (text: string, values: Values): string =>
  text.replace(placeholder, (_, name: string) => values.get(name) ?? '');

/** Like `fill`, as HTML. A value of the other writing direction is isolated. */
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

/** The "not me" links of a mail: first that of the reported event, then one for each listed item. */
const notMeLinksOf = ({ notMe }: Words['common'], { notMeUrl, notMeLinks = [] }: MailContent) => [
  ...(notMeUrl === undefined ? [] : [{ label: notMe, url: notMeUrl }]),
  ...notMeLinks.map(({ name, url }) => ({ label: `${notMe}: ${nameInBody(name)}`, url })),
];

/** One change of a security policy in words. */
function policyChange({ policy }: Words, { field, before, after }: PolicyChange): Labelled {
  const names = new Map<string, string>(Object.entries(policy.values));
  const toWords = (value: PolicyChange['before']): string => {
    if (value === null) return policy.noRestriction;
    if (typeof value === 'number') return String(value);
    return (typeof value === 'string' ? [value] : value).map((name) => names.get(name) ?? name).join(policy.separator);
  };
  const values = new Map([
    ['value', toWords(after)],
    ['before', toWords(before)],
  ]);
  return { label: policy.fields[field], value: fill(policy.change, values) };
}

/** Empty lines separate paragraphs. */
const paragraphsOf = (text: string): string[] => text.split(/\n{2,}/).filter((paragraph) => paragraph.trim() !== '');

interface Labelled {
  readonly label: string;
  readonly value: string;
}

/** The parts of a mail, before they are rendered as plain text or HTML. `fill` inserts the values into the texts. */
interface Draft {
  readonly values: Values;
  readonly heading: string;
  readonly paragraphs: readonly string[];
  readonly details: readonly Labelled[];
  readonly code: Labelled | undefined;
  readonly longCode: Labelled | undefined;
  readonly link: { readonly label: string; readonly hint: string; readonly url: string } | undefined;
  readonly note: readonly string[];
  readonly notMe: readonly { readonly label: string; readonly url: string }[];
  readonly footer: readonly string[];
}

function draftOf(own: PurposeWords, words: Words, purpose: MailPurpose, content: MailContent, look: Branding): Draft {
  const values = valuesOf(words, content, look, nameInBody);
  const { code, longCode, url } = content;
  const { codeLabel, longCodeLabel, linkHint } = words.common;
  return {
    values,
    heading: own.heading,
    paragraphs: paragraphsOf(own.body),
    details: [
      ...mailPurposes[purpose].details
        .filter((field) => content[field] !== undefined)
        .map((field) => ({ label: words.labels[field], value: values.get(field) ?? '' })),
      ...(content.policyChanges ?? []).map((change) => policyChange(words, change)),
    ],
    code: code === undefined ? undefined : { label: codeLabel, value: code },
    longCode: longCode === undefined ? undefined : { label: longCodeLabel, value: groupCode(longCode) },
    link: url === undefined ? undefined : { label: own.action, hint: linkHint, url },
    note: paragraphsOf(own.note),
    notMe: notMeLinksOf(words.common, content),
    footer: paragraphsOf(footerWords(look.texts, words, look.language)),
  };
}

function toText({ values, paragraphs, details, code, longCode, link, note, notMe, footer }: Draft): string {
  const filled = (text: string) => fill(text, values);
  const parts = [
    ...paragraphs.map(filled),
    ...(details.length === 0 ? [] : [details.map(({ label, value }) => `${label}: ${value}`).join('\n')]),
    ...(code ? [`${code.label}: ${code.value}`] : []),
    ...(longCode ? [`${longCode.label}:\n${longCode.value}`] : []),
    ...(link ? [`${filled(link.label)}:\n${link.url}`] : []),
    ...note.map(filled),
    ...notMe.map(({ label, url }) => `${label}:\n${url}`),
    ...(footer.length === 0 ? [] : ['--', ...footer.map(filled)]),
  ];
  return `${parts.join('\n\n')}\n`;
}

function toHtml({ values, ...draft }: Draft, subject: string, look: Branding): string {
  const { language, logoUrl, logoName, isLogoForDark = false, color } = look;
  const brandName = values.get('brandName') ?? '';
  const filled = (text: string) => fillHtml(text, values);
  return layOut({
    ...draft,
    language,
    direction: languages[language].direction,
    subject,
    brandName,
    logoUrl,
    isLogoForDark,
    logoName: logoName === undefined ? brandName : nameInBody(logoName),
    color: color ?? defaultColor,
    heading: filled(draft.heading),
    paragraphs: draft.paragraphs.map(filled),
    link: draft.link && { ...draft.link, label: filled(draft.link.label) },
    note: draft.note.map(filled),
    footer: draft.footer.map(filled),
  });
}

/** Renders a mail as plain text and as HTML. Text of users is escaped. */
export function renderMail(purpose: MailPurpose, content: MailContent, look: Branding): RenderedMail {
  const { words } = languages[look.language];
  const own = purposeWords(look.texts, words, look.language, purpose);
  const subject = inOneLine(fill(own.subject, valuesOf(words, content, look, nameInSubject)));
  const draft = draftOf(own, words, purpose, content, look);
  return { subject, text: toText(draft), html: toHtml(draft, subject, look) };
}
