import type { FirstApp } from './bootstrap.ts';
import type { Config } from './config.ts';

/** Prints the generated password to the terminal, not to the log: a log is kept. */
export function announceFirstApp({ name, adminEmail, generatedPassword }: FirstApp): void {
  if (generatedPassword === undefined) return;
  process.stdout.write(
    `\nFirst start. App: ${name}   Super admin: ${adminEmail}   Password: ${generatedPassword}   (shown this once)\n\n`,
  );
}

/**
 * Prints, in a terminal, the addresses that somebody who tries the service opens first.
 *
 * @param port where the service listens, which `PORT=0` leaves open
 */
export function printAddresses(config: Config, port: number): void {
  if (!process.stdout.isTTY) return;
  const origin = config.port === 0 ? `http://127.0.0.1:${port}` : config.publicUrl;
  const hasMailbox = config.developmentFeatures && config.smtpUrl === undefined;
  const mailbox = hasMailbox ? [`  Mailbox    ${origin}/dev/mailbox`] : [];
  const lines = [`Gatehouse is ready at ${origin}`, `  Reference  ${origin}/docs`, ...mailbox, '  Stop       Ctrl+C'];
  process.stdout.write(`\n${lines.join('\n')}\n\n`);
}
