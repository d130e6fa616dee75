import { Gauge, type Registry } from 'prom-client';
import type { DatabaseClock } from '../database-clock.ts';

/** Measures the offset of the local clock. */
export const clockMeasurements = (clock: DatabaseClock) => (registry: Registry) =>
  void new Gauge({
    name: 'gatehouse_clock_offset_seconds',
    help: 'Seconds by which the clock of this machine is ahead of the clock of the database, which is authoritative.',
    registers: [registry],
    // Workers share the clock of their machine, so a sum would be meaningless.
    aggregator: 'average',
    collect() {
      this.set(clock.machineOffsetSeconds);
    },
  });
