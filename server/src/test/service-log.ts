import { expect } from 'vitest';
import type { ServiceProcess } from './service-process.ts';

/** Whether a line says that the service is ready. */
export const isReady = ({ msg }: Record<string, unknown>): boolean => msg === 'the service is ready';

/** The lines of the log; all must have the same format. */
export function recordsOf(stdout: string): Record<string, unknown>[] {
  const lines = stdout.split('\n').filter((line) => line !== '' && !line.startsWith('First start.'));
  const records = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  for (const record of records) {
    expect(record).toMatchObject({
      level: expect.any(Number),
      time: expect.any(Number),
      pid: expect.any(Number),
      msg: expect.any(String),
    });
  }
  return records;
}

/** Log of a running service so far, without an incomplete last line. */
export const linesOf = (service: ServiceProcess | undefined): Record<string, unknown>[] =>
  recordsOf((service?.stdout() ?? '').replace(/[^\n]*$/, ''));
