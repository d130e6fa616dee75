import { bootstrap } from './apps/bootstrap.ts';
import { buildApp } from './app.ts';
import { systemClock } from './clock.ts';
import { loadConfig } from './config.ts';
import { openDeployment } from './deployment.ts';

/** Reads the configuration, opens the database, listens, and closes cleanly on SIGTERM and SIGINT. */
async function main(): Promise<void> {
  const config = loadConfig(process.env);
  const { db, ids, sealer, close } = await openDeployment(config);
  const { app, services } = await buildApp({
    config,
    db,
    ids,
    sealer,
    clock: systemClock,
    logger: { level: config.logLevel },
  });
  const first = await bootstrap(services);
  if (first?.generatedPassword !== undefined) announce(first.name, first.adminEmail, first.generatedPassword);
  await app.listen({ host: config.host, port: config.port });
  const stop = async () => {
    await app.close();
    await close();
  };
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => void stop().then(() => process.exit(0)));
}

/** To the terminal of whoever started it, not to the log: a log is kept. */
function announce(app: string, email: string, password: string): void {
  process.stdout.write(`\nFirst start: app "${app}", super admin ${email}, password ${password} (shown once)\n\n`);
}

await main();
