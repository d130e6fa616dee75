import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { configVariables } from '../config.ts';
import { routes } from '../routes.ts';
import { metricsOfWorkers } from '../platform/worker-metrics.ts';
import { deployed } from './reverse-proxy.ts';
import { buildTestApp, type TestApp } from './setup.ts';

// The examples of `deploy/` name variables, metrics and routes of the service. CI runs the examples; these tests find
// mistakes that a run does not show.

const read = (file: string): string => readFileSync(deployed(file), 'utf8');

describe('variables', () => {
  const known = new Set(configVariables.flatMap(({ name, secret }) => (secret ? [name, `${name}_FILE`] : [name])));
  const [, service = ''] = /^ {2}gatehouse:\n((?: {4}.*\n|\n)+)/m.exec(read('compose.yaml')) ?? [];

  it.each([
    ['Dockerfile', [...read('../Dockerfile').matchAll(/^ENV (.+)$/gm)].flatMap(([, all]) => String(all).split(' '))],
    [
      'gatehouse.service',
      [...read('gatehouse.service').matchAll(/^Environment=(.+)$/gm)].flatMap(([, all]) => String(all).split(' ')),
    ],
    ['compose.yaml', [...service.matchAll(/^ {6}([A-Z_]+): (.+)$/gm)].map(([, name, value]) => `${name}=${value}`)],
    ['nginx-site.conf', [...read('nginx-site.conf').matchAll(/\b[A-Z]+_?[A-Z]*=\S+/g)].map(String)],
    ['Caddyfile', [...read('Caddyfile').matchAll(/\b[A-Z]+_?[A-Z]*=\S+/g)].map(String)],
  ])('%s sets variables that the service reads', (_file, settings) => {
    const names = settings.map((setting) => setting.split('=')[0]);
    expect(names.length).toBeGreaterThan(0);
    expect(names.filter((name) => !known.has(String(name)))).toEqual([]);
  });
});

describe('alert rules and dashboard', () => {
  let app: TestApp;
  let metrics: string;

  beforeAll(async () => {
    app = await buildTestApp();
    await app.app.inject({ method: 'GET', url: '/readyz' });
    metrics = (await app.app.metrics.text()) + (await metricsOfWorkers(1).text());
  });
  afterAll(() => app?.close());

  describe.each(['alerts.yaml', 'dashboard.json'])('%s', (file) => {
    const text = read(file).replaceAll(String.raw`\"`, '"');

    it('name existing metrics', () => {
      const names = [...text.matchAll(/\b([a-z_]+)\{job="gatehouse"/g)].map(([, name]) => String(name));
      expect(names.length).toBeGreaterThan(4);
      const own = names.filter((name) => name !== 'up').map((name) => name.replace(/_(bucket|count)$/, ''));
      expect(own.filter((name) => !metrics.includes(`# TYPE ${name} `))).toEqual([]);
    });

    it('name existing routes', () => {
      const named = [...text.matchAll(/route(?:=|!=|=~|!~)"([^"]+)"/g)].flatMap(([, paths]) =>
        String(paths).split('|'),
      );
      const served = new Set(routes.map(({ url }) => url));
      expect(named.length).toBeGreaterThan(0);
      expect(named.filter((path) => !served.has(path))).toEqual([]);
    });

    it('name existing values of labels', () => {
      const states = [...text.matchAll(/\bstate="([^"]+)"/g)].map(([, state]) => String(state));
      expect(states.filter((state) => !metrics.includes(`state="${state}"`))).toEqual([]);
    });
  });
});
