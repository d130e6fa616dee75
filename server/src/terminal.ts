import type { FirstApp } from './bootstrap.ts';
import type { Config } from './config.ts';

/** Prints the generated password to the terminal instead of the log, because logs are stored. */
export function announceFirstApp({ name, adminEmail, generatedPassword }: FirstApp): void {
  if (generatedPassword === undefined) return;
  process.stdout.write(
    `\nFirst start. App: ${name}   Super admin: ${adminEmail}   Password: ${generatedPassword}   (shown only once)\n\n`,
  );
}

/**
 * Prints the URLs that a new developer opens first.
 *
 * @param port the port of the service, which is not configured with `PORT=0`
 * @param appName an app that has the pages of the service
 */
export function printAddresses(config: Config, port: number, appName: string | undefined): void {
  const origin = config.port === 0 ? `http://localhost:${port}` : config.publicUrl;
  const hasMailbox = config.developmentFeatures && config.smtpUrl === undefined;
  const mailbox = hasMailbox ? [`  Mailbox    ${origin}/dev/mailbox`] : [];
  const pages = appName === undefined ? [] : [`  Sign-in    ${origin}/apps/${appName}/sign-in`];
  const lines = [
    `Gatehouse is ready at ${origin}`,
    `  Reference  ${origin}/docs`,
    ...pages,
    ...mailbox,
    '  Stop       Ctrl+C',
  ];
  process.stdout.write(`\n${lines.join('\n')}\n\n`);
}
