import { buildApp } from '../app.ts';
import { loadConfig } from '../config.ts';
import type { Db, Tx } from '../db/db.ts';
import { openDeployment } from '../deployment.ts';
import { applyFactorResets } from '../factors/apply-factor-resets.ts';

/**
 * Applies due resets of second factors and is killed on the way. The argument says when: `commit`, after the first
 * commit; `never`; or after the first statement that contains it. The configuration of the service is read from the
 * environment.
 */
const [when = 'commit'] = process.argv.slice(2);
const config = loadConfig(process.env);
const { db, ids, clock, sealer } = await openDeployment(config, () => {});

const die = () => process.kill(process.pid, 'SIGKILL');

const deadly = (tx: Tx): Tx => ({
  ...tx,
  isTransaction: true,
  script: (text) => tx.script(text),
  liftTimeLimits: () => tx.liftTimeLimits(),
  query: async (statement, violations) => {
    const rows = await tx.query(statement, violations);
    if (statement.sql.includes(when)) die();
    return rows as never;
  },
});

const deadlyDb: Db = {
  engine: db.engine,
  load: () => db.load(),
  query: (...args) => db.query(...args),
  transaction: async (work) => {
    const result = await db.transaction((tx) => work(deadly(tx)));
    if (when === 'commit') die();
    return result;
  },
  close: () => db.close(),
};

const { app, services } = await buildApp({ config, db: deadlyDb, ids, sealer, clock });
await applyFactorResets.run(services, new AbortController().signal);
await app.close();
await db.close();
process.stdout.write('done');
process.exit(0);
