import { Gauge, type Registry } from 'prom-client';
import type { DatabaseClock } from '../database-clock.ts';

/** How far the clock of this machine is off. */
export const clockMeasurements = (clock: DatabaseClock) => (registry: Registry) =>
  void new Gauge({
    name: 'gatehouse_clock_offset_seconds',
    help: "By how much the clock of this machine is ahead of the database's, whose time counts.",
    registers: [registry],
    // Workers share the clock of their machine: a sum would tell of none.
    aggregator: 'average',
    collect() {
      this.set(clock.machineOffsetSeconds);
    },
  });
