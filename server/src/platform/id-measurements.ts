import { Gauge, type Registry } from 'prom-client';
import type { IdSource } from '../ids.ts';

/** Measures how long ids can be generated without the database. */
export const idMeasurements = (ids: IdSource) => (registry: Registry) =>
  void new Gauge({
    name: 'gatehouse_id_lease_remaining_seconds',
    help:
      'Seconds until the lease on the node number for ids expires; renewed every 15 seconds. Below 0, nothing can ' +
      'be created.',
    registers: [registry],
    aggregator: 'min',
    collect() {
      this.set(ids.remainingMs() / 1000);
    },
  });
