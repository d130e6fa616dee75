import { Counter, type Registry } from 'prom-client';

declare module '../calls/services.ts' {
  interface Services {
    readonly apiKeyUses: ApiKeyUses;
  }
}

/** `refused`: the value is not a valid key. */
type Outcome = 'allowed' | 'over_quota' | 'refused';

/** Counts the introspections of API keys by other services. */
export interface ApiKeyUses {
  readonly count: (outcome: Outcome) => void;
  /** Adds the counter to the metrics of this process. */
  readonly addTo: (registry: Registry) => void;
}

/** Creates the counter of this process. */
export function createApiKeyUses(): ApiKeyUses {
  const counter = new Counter({
    name: 'gatehouse_api_key_uses_total',
    help: 'Introspections of API keys, by outcome: allowed, over_quota or refused.',
    labelNames: ['outcome'],
    registers: [],
  });
  for (const outcome of ['allowed', 'over_quota', 'refused'] as const) counter.inc({ outcome }, 0);
  return {
    count: (outcome) => counter.inc({ outcome }),
    addTo: (registry) => registry.registerMetric(counter),
  };
}
