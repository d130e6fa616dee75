import type { Command } from 'commander';
import type { Deployment } from '../deployment.ts';
import { type GivenUpMail, listGivenUpMails, retryGivenUpMails } from '../email/delivery.store.ts';
import { mailRetriedMs } from '../email/queue-mail.ts';

const mailsListed = 1000;

const line = (mail: GivenUpMail): string =>
  [mail.id, mail.createdAt.toISOString(), mail.appName, mail.purpose, mail.recipient, mail.lastError].join('  ');

/** The commands for abandoned mails. */
export function addMailCommands(
  program: Command,
  withDeployment: (work: (deployment: Deployment) => Promise<void>) => Promise<void>,
  print: (text: string) => void,
): void {
  program
    .command('list-mails')
    .description(`list the mails that were given up, newest first, at most ${mailsListed}`)
    .action(() =>
      withDeployment(async ({ db }) => {
        for (const mail of await listGivenUpMails(db, mailsListed)) print(line(mail));
      }),
    );
  program
    .command('retry-mail <id>')
    .description('queue a mail that was given up again, and try for another day; "all" queues all of them')
    .action((id: string) =>
      withDeployment(async ({ db, clock }) => {
        if (id !== 'all' && !/^\d{1,19}$/.test(id)) throw new Error(`"${id}" is not the id of a mail`);
        const now = clock.now();
        const giveUpAt = new Date(now.getTime() + mailRetriedMs);
        const count = await retryGivenUpMails(db, { id: id === 'all' ? undefined : id, now, giveUpAt });
        if (count === 0 && id !== 'all') throw new Error(`no mail ${id} was given up`);
        print(`queued again: ${count}`);
      }),
    );
}
