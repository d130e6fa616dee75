import { Counter, Gauge, type Registry } from 'prom-client';
import type { TaskRuns } from '../task-runs.ts';

/** Measures how the background tasks proceed. */
export const backgroundMeasurements = (runs: TaskRuns) => (registry: Registry) => {
  void new Counter({
    name: 'gatehouse_background_task_failures_total',
    help: 'Runs of background tasks that failed.',
    labelNames: ['task'],
    registers: [registry],
    collect() {
      this.reset();
      for (const [task, { failures }] of runs.states) this.inc({ task }, failures);
    },
  });
  void new Gauge({
    name: 'gatehouse_background_task_lag_seconds',
    help: 'Seconds by which the next successful end of a background task is overdue.',
    labelNames: ['task'],
    registers: [registry],
    aggregator: 'max',
    collect() {
      for (const [task, { lagMs }] of runs.states) this.set({ task }, lagMs / 1000);
    },
  });
};
