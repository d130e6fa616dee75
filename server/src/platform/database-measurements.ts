import { Counter, type Registry } from 'prom-client';
import type { DatabaseFailures } from '../calls/database-failures.ts';

/** Answers that the database is to blame for. */
export const databaseMeasurements = (failures: DatabaseFailures) => (registry: Registry) =>
  void new Counter({
    name: 'gatehouse_database_failures_total',
    help: 'Answers with status 503 because of the database, by error code.',
    labelNames: ['code'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [code, count] of Object.entries(failures.counts)) this.inc({ code }, count);
    },
  });
