import { Gauge, type Registry } from 'prom-client';
import type { PasswordHasher } from './password-hash.ts';

/** Measures the load of the threads that hash passwords. */
export const hashMeasurements = (passwords: PasswordHasher) => (registry: Registry) => {
  void new Gauge({
    name: 'gatehouse_password_hashes',
    help: 'Passwords that are being hashed, or wait for it.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      const { running, waiting } = passwords.load();
      this.set({ state: 'running' }, running);
      this.set({ state: 'waiting' }, waiting);
    },
  });
  void new Gauge({
    name: 'gatehouse_password_hash_expected_wait_seconds',
    help: 'Expected wait of another password, by recent measurements.',
    registers: [registry],
    aggregator: 'max',
    collect() {
      this.set(passwords.load().expectedWaitMs / 1000);
    },
  });
};
