import { isLocalCaller } from '../http/local-caller.ts';
import { publicAccess } from '../access/access.ts';
import { ApiError } from '../http/errors.ts';
import { type Call, route } from '../calls/route.ts';
import type { Services } from '../calls/services.ts';
import { normalizeEmail } from '../http/email-address.ts';
import { mailbox, mailboxQuery, type Mail } from './mailbox.schema.ts';
import { mailboxPage, mailPage } from './mailbox.page.ts';
import { newestMails, type StoredMail } from './mails.store.ts';
import { openContent } from './queue-mail.ts';
import { composeMail, organizationOf } from './compose.ts';
import { toText } from './sender.ts';

const mailsShown = 100;

/** Mails contain codes, so only a developer on this machine may read them. Pages that use DNS rebinding are refused. */
function refuseStrangers({ services, request }: Call): void {
  const { developmentFeatures, smtpUrl } = services.config;
  if (!developmentFeatures || smtpUrl !== undefined || !isLocalCaller(request)) throw new ApiError('route_not_found');
}

/** A mail in words. */
async function toMail(services: Services, mail: StoredMail): Promise<Mail> {
  const content = openContent(services, mail);
  const { code, url } = content;
  const organization = await organizationOf(services, mail, content);
  const { from, subject, text, html } = composeMail(services, mail, content, organization);
  return {
    id: mail.id,
    to: mail.recipient,
    from: toText(from),
    subject,
    text,
    html,
    purpose: mail.purpose,
    ...(code !== undefined && { code }),
    ...(url !== undefined && { url }),
    createdAt: mail.createdAt.toISOString(),
  };
}

/** The newest mails. */
async function readMailbox(services: Services, to: string | undefined): Promise<Mail[]> {
  const mails = await newestMails(services.db, {
    to: to && (normalizeEmail(to) ?? to),
    limit: mailsShown,
    now: services.clock.now(),
  });
  return Promise.all(mails.map((mail) => toMail(services, mail)));
}

/** @throws ApiError `route_not_found` */
async function readMail(services: Services, id: string | undefined): Promise<Mail> {
  const [mail] = id === undefined ? [] : await newestMails(services.db, { id, limit: 1, now: services.clock.now() });
  if (!mail) throw new ApiError('route_not_found', { detail: 'There is no mail of this id.' });
  return toMail(services, mail);
}

export const mailboxRoutes = [
  route({
    method: 'GET',
    url: '/dev/mailbox',
    operationId: 'readDevelopmentMailbox',
    tag: 'platform',
    summary: 'Read the development mailbox',
    description:
      'Mails of this deployment, newest first: a page for browsers, JSON for `Accept: application/json`. ' +
      'Only in development and only on this machine.',
    access: publicAccess({ app: 'none' }),
    query: mailboxQuery,
    response: { status: 200, description: 'The mails.', body: mailbox },
    errors: ['route_not_found'],
    hidden: true,
    handler: async (call) => {
      refuseStrangers(call);
      const { to: address, id, show } = call.query;
      if (show === 'html') {
        const mail = await readMail(call.services, id);
        mailPage(call.reply, mail);
        return { messages: [mail] };
      }
      // The form of the page sends its field even if it is empty.
      const to = address === '' ? undefined : address;
      const messages = await readMailbox(call.services, to);
      const wantsPage = /text\/html/.test(call.request.headers.accept ?? '');
      if (wantsPage) mailboxPage(call.reply, messages, { to, id });
      return { messages };
    },
  }),
];
