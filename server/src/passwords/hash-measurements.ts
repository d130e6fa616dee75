import { Gauge, type Registry } from 'prom-client';
import type { PasswordHasher } from './password-hash.ts';

/** How busy the threads are that hash passwords. */
export const hashMeasurements = (passwords: PasswordHasher) => (registry: Registry) => {
  void new Gauge({
    name: 'gatehouse_password_hashes',
    help: 'Passwords that are hashed now, or wait for it.',
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
    help: 'How long a further password would wait, by the latest ones.',
    registers: [registry],
    aggregator: 'max',
    collect() {
      this.set(passwords.load().expectedWaitMs / 1000);
    },
  });
};
