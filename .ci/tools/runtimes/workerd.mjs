// Runs worker.mjs, as bundled, in workerd, the runtime of Cloudflare's edge.
import { readFile } from 'node:fs/promises';
import { Miniflare } from 'miniflare';

const script = await readFile(new URL('worker.bundle.mjs', import.meta.url), 'utf8');
const worker = new Miniflare({ modules: true, script, compatibilityDate: '2026-01-01' });
const { GATEHOUSE_URL: url, GATEHOUSE_APP: app, GATEHOUSE_EMAIL: email, GATEHOUSE_PASSWORD: password } = process.env;
const body = JSON.stringify({ url, app, email, password });
const answer = await worker.dispatchFetch('http://worker/', { method: 'POST', body });
process.stdout.write(`${await answer.text()}\n`);
process.exitCode = answer.ok ? 0 : 1;
await worker.dispose();
