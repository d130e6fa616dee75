import type { MailPurpose } from './mails.store.ts';
import type { MailContent } from './outbox.ts';

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

const roleNames = new Map([
  ['ORG_OWNER', 'an owner'],
  ['ORG_USER_MANAGER', 'a manager'],
]);

interface Wording {
  readonly subject: string;
  readonly lines: readonly string[];
  /** Label of the button, where there is a link. */
  readonly action: string;
}

function wording(purpose: MailPurpose, content: MailContent, brand: string): Wording {
  const organization = content.organizationName ?? 'an organization';
  const as = roleNames.get(content.role ?? '') ?? `a member with the role ${content.role}`;
  switch (purpose) {
    case 'email_verification':
      return {
        subject: `Confirm your e-mail address for ${brand}`,
        lines: [`Please confirm that this address is yours to finish signing up for ${brand}.`],
        action: 'Confirm my address',
      };
    case 'invitation':
      return {
        subject: `You are invited to ${organization} on ${brand}`,
        lines: [`You are invited to join ${organization} on ${brand} as ${as}.`],
        action: 'Accept the invitation',
      };
    case 'role_granted':
      return {
        subject: `You were added to ${organization} on ${brand}`,
        lines: [`You are now ${as} of ${organization} on ${brand}. There is nothing you need to do.`],
        action: 'Open',
      };
    case 'sign_up_attempted':
      return {
        subject: `Somebody tried to sign up for ${brand} with your address`,
        lines: [
          `Somebody tried to sign up for ${brand} with this address, which has an account already.`,
          'If it was you, sign in instead. If not, there is nothing you need to do: your account is unchanged.',
        ],
        action: 'Open',
      };
  }
}

/** Words a mail, as plain text and as HTML. Whatever came from users is escaped. */
export function renderMail(purpose: MailPurpose, content: MailContent, brand: string): RenderedMail {
  const { subject, lines, action } = wording(purpose, content, brand);
  const codeLine = content.code === undefined ? [] : [`Your code: ${content.code}`];
  const text = [...lines, ...codeLine, ...(content.url === undefined ? [] : [content.url])].join('\n\n');
  const paragraphs = lines.map((line) => `<p>${escapeHtml(line)}</p>`);
  const link = content.url === undefined ? '' : `<p><a href="${escapeHtml(content.url)}">${action}</a></p>`;
  const code = content.code === undefined ? '' : `<p>Your code: <strong>${escapeHtml(content.code)}</strong></p>`;
  const html = `<!doctype html><meta charset="utf-8"><title>${escapeHtml(subject)}</title>${paragraphs.join('')}${link}${code}`;
  return { subject, text: `${text}\n`, html };
}
