import { Gauge, type Registry } from 'prom-client';
import type { Db } from '../db/db.ts';
import { promptly } from '../promptly.ts';
import { appsMatchingByOrigin } from './apps.store.ts';

/** Apps that should be changed to exact matching. Counted in the database when the metrics are read. */
export const redirectMeasurements = (db: Db) => (registry: Registry) => {
  const count = promptly(() => appsMatchingByOrigin(db));
  void new Gauge({
    name: 'gatehouse_apps_matching_redirects_by_origin',
    help: 'Apps of the whole deployment with the setting redirectMatching "origin".',
    registers: [registry],
    // Every process counts the same rows.
    aggregator: 'max',
    async collect() {
      const apps = await count();
      // Removed, because the last count would be stale without the database.
      this.reset();
      if (apps) this.set(apps.total);
      else this.remove();
    },
  });
};
