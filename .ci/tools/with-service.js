/**
 * Runs a command while a service is running, and then stops the service. The command finds the service and its
 * super admin in GATEHOUSE_URL, GATEHOUSE_APP, GATEHOUSE_EMAIL and GATEHOUSE_PASSWORD.
 *
 *   npm run build
 *   node .ci/tools/with-service.js COMMAND ARGUMENT…
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { admin, withService } from './service.js';

const [command = 'true', ...parameters] = process.argv.slice(2);
await withService(async (url) => {
  const env = {
    ...process.env,
    GATEHOUSE_URL: url,
    GATEHOUSE_APP: admin.app,
    GATEHOUSE_EMAIL: admin.email,
    GATEHOUSE_PASSWORD: admin.password,
  };
  const [status] = await once(spawn(command, parameters, { env, stdio: 'inherit' }), 'exit');
  process.exitCode = status ?? 1;
});
