/** Sends tokens to a page that a web server protects. */
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';

const [, , address = ''] = process.argv;
const deadline = Date.now() + 20_000;
while (!(await fetch(address).catch(() => undefined))) {
  if (Date.now() > deadline) throw new Error('The web server does not answer');
  await delay(50);
}
for await (const token of createInterface({ input: process.stdin })) {
  const { status } = await fetch(address, { headers: { authorization: `Bearer ${token}` } });
  process.stdout.write(`${{ 200: 'accepted', 401: 'refused' }[status] ?? status}\n`);
}
