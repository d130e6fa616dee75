import { createInterface } from 'node:readline';
/* SAMPLE */

for await (const token of createInterface({ input: process.stdin })) {
  const isGood = await verifyPerson(token).then(
    () => true,
    () => false,
  );
  process.stdout.write(`${isGood ? 'accepted' : 'refused'}\n`);
}
