import { z } from 'zod';
import { idOf, outputId, text, time } from '../http/fields.ts';

export const mailboxQuery = z.strictObject({
  to: text({ max: 320 })
    .optional()
    .meta({ description: 'Only mails to this address.', examples: ['jon.doe@example.com'] }),
  id: idOf('the mail that the page shows').optional(),
  show: z
    .enum(['html'], { error: 'Must be html.' })
    .optional()
    .meta({ description: 'html: only the mail with this id, as its recipient sees it.', examples: ['html'] }),
});

const mail = z
  .object({
    id: outputId('the mail'),
    to: z.string().meta({ description: 'Recipient.', examples: ['jon.doe@example.com'] }),
    from: z.string().meta({ description: 'Sender.', examples: ['no-reply@example.com'] }),
    subject: z.string().meta({ description: 'Subject.', examples: ['Confirm your e-mail address for Demo'] }),
    text: z.string().meta({ description: 'The mail as plain text.', examples: ['Your code: K7M2QXA'] }),
    html: z.string().meta({ description: 'The mail as HTML.', examples: ['<p>Your code: K7M2QXA</p>'] }),
    purpose: z.string().meta({ description: 'Why it was sent.', examples: ['email_verification'] }),
    code: z
      .string()
      .optional()
      .meta({ description: 'The short code in it.', examples: ['K7M2QXA'] }),
    url: z
      .string()
      .optional()
      .meta({
        description: 'The link in it, with the long code.',
        examples: ['https://app.example.com/verify?code=K7PQ2XMHB4T8V9WNRC3DYJ6FAG'],
      }),
    createdAt: time('When it was queued'),
  })
  .meta({ id: 'Mail', description: 'A mail of the development mailbox.' });

export type Mail = z.output<typeof mail>;

export const mailbox = z
  .object({ messages: z.array(mail).meta({ description: 'Mails, newest first.', examples: [[]] }) })
  .meta({ id: 'Mailbox', description: 'The development mailbox.' });
