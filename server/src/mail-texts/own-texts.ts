import { z } from 'zod';
import { text } from '../http/fields.ts';
import { type MailPurpose, mailPurposes } from './mail-purposes.ts';
import { type Language, mailLanguages, type PurposeWords, type TextPart, textParts, type Words } from './words.ts';

/** The app's own texts, which replace the default texts, by `<language>.<purpose>.<part>` or `<language>.footer`. */
export type OwnTexts = Readonly<Record<string, string>>;

/** The placeholders that each text may use, by the key of the text. */
const namesByKey = new Map<string, readonly string[]>(
  mailLanguages.flatMap((language) => [
    [`${language}.footer`, ['brandName']] as const,
    ...Object.entries(mailPurposes).flatMap(([purpose, { fields }]) =>
      textParts.map((part) => [`${language}.${purpose}.${part}`, ['brandName', ...fields]] as const),
    ),
  ]),
);

const placeholder = /\{\{(.*?)\}\}/g;
/** Only these may be empty: a mail does not need small print. */
const mayBeEmpty = /\.(?:note|footer)$/;
const mayHaveLines = /\.(?:body|note|footer)$/;

/** Returns the problem of a text, or undefined if it is valid. */
function faultOf(key: string, value: string): string | undefined {
  const names = namesByKey.get(key);
  if (!names) return 'Must be named <language>.<purpose>.<part>, such as en.invitation.subject, or <language>.footer.';
  const unknown = Array.from(value.matchAll(placeholder), ([, name = '']) => name).find(
    (name) => !names.includes(name),
  );
  if (unknown !== undefined) {
    return `Unknown placeholder {{${unknown}}}. Allowed here: ${names.map((name) => `{{${name}}}`).join(', ')}.`;
  }
  if (value.trim() === '' && !mayBeEmpty.test(key)) return 'Must not be empty.';
  if (/[^\P{Cc}\n]/u.test(value)) return 'Must not contain control characters.';
  return value.includes('\n') && !mayHaveLines.test(key) ? 'Must be one line.' : undefined;
}

/** The setting that holds an app's own texts. */
export const ownTexts = z
  .record(z.string(), text({ max: 5000 }))
  .superRefine((texts, context) => {
    for (const [key, value] of Object.entries(texts)) {
      const message = faultOf(key, value);
      if (message !== undefined) context.addIssue({ code: 'custom', path: [key], message });
    }
  })
  .meta({
    description:
      'Texts that replace the default texts, by `<language>.<purpose>.<part>` or `<language>.footer`. ' +
      'Parts: subject, heading, body, action (label of the button), note (small print). `{{name}}` stands ' +
      'for a value.',
    examples: [{ 'en.invitation.subject': 'Join {{organizationName}} on {{brandName}}' }],
  });

/** The texts of mails of a purpose: the app's own texts, or the defaults. */
export function purposeWords(own: OwnTexts, words: Words, language: Language, purpose: MailPurpose): PurposeWords {
  const ours = words.purposes[purpose];
  const choose = (part: TextPart) => own[`${language}.${purpose}.${part}`] ?? ours[part];
  return {
    subject: choose('subject'),
    heading: choose('heading'),
    body: choose('body'),
    action: choose('action'),
    note: choose('note'),
  };
}

/** The last line of a mail. */
export const footerWords = (own: OwnTexts, words: Words, language: Language): string =>
  own[`${language}.footer`] ?? words.common.footer;
