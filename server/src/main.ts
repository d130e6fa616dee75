import cluster from 'node:cluster';
import { type Config, ConfigError, loadConfig } from './config.ts';
import { serve } from './serve.ts';
import { superviseWorkers } from './workers.ts';

/** What went wrong at start, for people: faults of the configuration line by line, else the one sentence. */
function explain(error: unknown): string {
  if (error instanceof ConfigError)
    return error.faults.map(({ variable, message }) => `${variable} ${message}`).join('\n');
  return error instanceof Error ? error.message : String(error);
}

async function serveOrSupervise(config: Config): Promise<void> {
  if (config.workers > 1 && cluster.isPrimary) await superviseWorkers(config);
  else await serve(config);
}

try {
  await serveOrSupervise(loadConfig(process.env));
} catch (error) {
  process.stderr.write(`Gatehouse cannot start.\n${explain(error)}\n`);
  process.exit(1);
}
