import { buildApp } from '../app.ts';
import { loadConfig } from '../config.ts';
import type { Db } from '../db/db.ts';
import { openDeployment } from '../deployment.ts';

/**
 * Serves one call and is killed `before` or `after` the commit of its transaction, in both cases before the response.
 * Arguments: when, token, idempotency key, name of the machine user to create. The configuration of the service is read
 * from the environment.
 */
const [when = 'after', token = '', key = '', userName = ''] = process.argv.slice(2);
const config = loadConfig(process.env);
const { db, ids, clock, sealer } = await openDeployment(config, () => {});

const die = () => process.kill(process.pid, 'SIGKILL');

const deadly: Db = {
  engine: db.engine,
  load: () => db.load(),
  query: (...args) => db.query(...args),
  transaction: async (work) => {
    const result = await db.transaction(async (tx) => {
      const done = await work(tx);
      if (when === 'before') die();
      return done;
    });
    die();
    return result;
  },
  close: () => db.close(),
};

const { app } = await buildApp({ config, db: deadly, ids, sealer, clock });
const { body } = await app.inject({
  method: 'POST',
  url: '/v1/authorization/machine-users',
  headers: { 'x-app-name': 'demo', authorization: `Bearer ${token}`, 'idempotency-key': key },
  payload: { userName },
});
process.stdout.write(body);
