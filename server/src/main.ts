import cluster from 'node:cluster';
import { type Config, ConfigError, loadConfig } from './config.ts';
import { logProcess, openLog, type ServiceLog } from './log.ts';
import { keepValuesYoung } from './young-generation.ts';

/** The error of a failed start, for people: the problems of the configuration line by line, otherwise one sentence. */
function explain(error: unknown): string {
  if (error instanceof ConfigError)
    return error.faults.map(({ variable, message }) => `${variable} ${message}`).join('\n');
  return error instanceof Error ? error.message : String(error);
}

/** Opens the database while the rest of the service is loaded. */
async function serveHere(config: Config, log: ServiceLog): Promise<void> {
  const { openDeployment } = await import('./deployment.ts');
  const [deployment, { serve }] = await Promise.all([openDeployment(config, log.write), import('./serve.ts')]);
  await serve(config, deployment, log);
}

/**
 * Each process loads only the code that it runs: the supervisor of workers neither serves requests nor opens a
 * database.
 */
async function serveOrSupervise(config: Config): Promise<void> {
  const log = openLog(config.logLevel);
  logProcess(log);
  if (config.workers === 1 || cluster.isWorker) return serveHere(config, log);
  const { superviseWorkers } = await import('./workers.ts');
  return superviseWorkers(config, log);
}

keepValuesYoung();
try {
  await serveOrSupervise(loadConfig(process.env));
} catch (error) {
  process.stderr.write(`Gatehouse cannot start.\n${explain(error)}\n`);
  process.exit(1);
}
