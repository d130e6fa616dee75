import { fillUrlTemplate } from '../apps/url-template.ts';
import type { MailContent } from '../mail-texts/mail-purposes.ts';
import type { IssuedCode } from '../codes/codes.ts';

/**
 * The part of a mail that carries a code: the short code to type, and the long code in the link, or in the text if
 * there is no link.
 *
 * @param template URL template of the link; undefined or null: the mail has no link
 * @param values values of the other placeholders of the template
 */
export function mailedCode(
  { code, longCode }: IssuedCode,
  template: string | undefined | null,
  values: Readonly<Record<string, string>>,
): Pick<MailContent, 'code' | 'longCode' | 'url'> {
  if (template === undefined || template === null) return { code, longCode };
  return { code, url: fillUrlTemplate(template, new Map(Object.entries({ ...values, code: longCode }))) };
}
