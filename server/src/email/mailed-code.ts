import { fillUrlTemplate } from '../apps/url-template.ts';
import type { MailContent } from '../mail-texts/mail-purposes.ts';
import type { IssuedCode } from '../codes/codes.ts';

/**
 * The part of a mail that carries a code: the short code to type and, in the link or without one in the text, the long
 * code.
 *
 * @param template of the link; undefined or null: the mail has none
 * @param values of the other placeholders of the template
 */
export function mailedCode(
  { code, longCode }: IssuedCode,
  template: string | undefined | null,
  values: Readonly<Record<string, string>>,
): Pick<MailContent, 'code' | 'longCode' | 'url'> {
  if (template === undefined || template === null) return { code, longCode };
  return { code, url: fillUrlTemplate(template, new Map(Object.entries({ ...values, code: longCode }))) };
}
