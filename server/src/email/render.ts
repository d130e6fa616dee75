import { type MailContent, type MailField, mailPurposes, type MailPurpose } from './mail-purposes.ts';
import { english } from './words.en.ts';
import type { Words } from './words.ts';

export interface RenderedMail {
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Makes text safe inside HTML, attributes included. */
export const escapeHtml = (value: string): string =>
  value.replace(/[&<>"']/g, (character) => entities[character] ?? '');

function roleName(words: Words, role: string | undefined): string {
  if (role === 'ORG_OWNER' || role === 'ORG_USER_MANAGER') return words.roles[role];
  return role ?? '';
}

/** What stands for each name in a text. */
function valuesOf(words: Words, content: MailContent, brand: string): ReadonlyMap<string, string> {
  const { organizationName = words.anOrganization, device = '', address = '', time = '', email = '' } = content;
  return new Map([
    ['brandName', brand],
    ['organizationName', organizationName],
    ['role', roleName(words, content.role)],
    ['device', device],
    ['address', address],
    ['time', time],
    ['email', email],
  ]);
}

/** One pass: what a value holds is text, whatever it looks like. */
const fill = (text: string, values: ReadonlyMap<string, string>): string =>
  text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => values.get(name) ?? '');

/** Words a mail, as plain text and as HTML. Whatever came from users is escaped. */
export function renderMail(purpose: MailPurpose, content: MailContent, brand: string): RenderedMail {
  const words = english;
  const { subject: subjectText, body, action, note } = words.purposes[purpose];
  const values = valuesOf(words, content, brand);
  const subject = fill(subjectText, values);
  const label = (field: MailField) => `${words.labels[field]}: ${values.get(field)}`;
  const details = mailPurposes[purpose].details.filter((field) => content[field] !== undefined).map(label);
  const lines = [...fill(body, values).split('\n\n'), ...details];
  const codeLine = content.code === undefined ? [] : [`${words.common.codeLabel}: ${content.code}`];
  const last = note === '' ? [] : [fill(note, values)];
  const text = [...lines, ...codeLine, ...(content.url === undefined ? [] : [content.url]), ...last].join('\n\n');
  const paragraph = (line: string) => `<p>${escapeHtml(line)}</p>`;
  const link =
    content.url === undefined
      ? ''
      : `<p><a href="${escapeHtml(content.url)}">${escapeHtml(fill(action, values))}</a></p>`;
  const html = `<!doctype html><meta charset="utf-8"><title>${escapeHtml(subject)}</title>${lines.map(paragraph).join('')}${link}${[...codeLine, ...last].map(paragraph).join('')}`;
  return { subject, text: `${text}\n`, html };
}
