import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sql } from '../db/db.ts';
import { closedPort, type MailServer, startMailServer } from '../test/mail-server.ts';
import { openOutbox, type Outbox } from '../test/outbox.ts';
import { buildTestApp, type TestApp } from '../test/setup.ts';
import { createWorld, type World } from '../test/world/world.ts';
import { takeDueMails } from './delivery.store.ts';
import { sendMailsWithin } from './send-mails.ts';

const minuteMs = 60_000;

let app: TestApp;
let world: World;
let outbox: Outbox;
let server: MailServer | undefined;

beforeAll(async () => {
  app = await buildTestApp();
  world = await createWorld(app);
  outbox = openOutbox(app, world);
});
afterAll(() => app?.close());
beforeEach(() => app.db.query(sql`DELETE FROM mails`));
afterEach(async () => {
  await server?.close();
  server = undefined;
});

describe('a process', () => {
  test('a process that crashes leaves its mails to the others after the lease ends', async () => {
    server = await startMailServer();
    await outbox.queue();
    const now = app.clock.now();
    const leaseUntil = new Date(now.getTime() + 3 * minuteMs);
    expect(await takeDueMails(app.db, { now, leaseUntil, limit: 5 })).toHaveLength(1);
    app.clock.advance(2 * minuteMs);
    await outbox.run(server);
    expect(server.mails).toEqual([]);
    app.clock.advance(minuteMs);
    await outbox.run(server);
    expect(server.mails).toHaveLength(1);
    expect(await outbox.rows()).toMatchObject([{ state: 'SENT', attempts: 2 }]);
  });

  test('a process that must stop finishes the current mail and begins no other', async () => {
    const stop = new AbortController();
    server = await startMailServer({
      onMail: async () => {
        stop.abort();
        await delay(50);
      },
    });
    for (let count = 0; count < 12; count += 1) await outbox.queue({}, `person-${count}@example.com`);
    await outbox.run(server, { signal: stop.signal });
    const sent = (await outbox.outcome()).filter((text) => text === 'SENT -').length;
    expect(sent).toBe(server.mails.length);
    expect(sent).toBeGreaterThanOrEqual(1);
    expect(sent).toBeLessThanOrEqual(5);
  });

  test('a process that must stop does not wait for a server that hangs', async () => {
    const stop = new AbortController();
    server = await startMailServer({
      onMail: async () => {
        stop.abort();
        await new Promise<void>(() => {});
      },
    });
    await outbox.queue();
    const slow = sendMailsWithin({ connectMs: 60_000, silenceMs: 60_000, mailMs: 60_000, stopMs: 50 });
    await expect(outbox.run(server, { task: slow, signal: stop.signal })).rejects.toThrow('stopped (1)');
    expect(await outbox.outcome()).toEqual(['QUEUED stopped']);
  });

  test('is not held up by one mail that hangs', async () => {
    let release: () => void = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let others = 0;
    server = await startMailServer({
      onMail: async ({ envelope }) => {
        if (envelope.to[0] === 'hangs@example.com') return held;
        others += 1;
        if (others === 12) release();
      },
    });
    await outbox.queue({}, 'hangs@example.com');
    for (let count = 0; count < 12; count += 1) await outbox.queue({}, `person-${count}@example.com`);
    await outbox.run(server);
    expect(server.mails.at(-1)?.envelope.to).toEqual(['hangs@example.com']);
    expect(server.mails).toHaveLength(13);
  });

  test('does not go through all mails while the server is away', async () => {
    for (let count = 0; count < 12; count += 1) await outbox.queue();
    await expect(outbox.run(`smtp://127.0.0.1:${await closedPort()}`)).rejects.toThrow('server_unreachable (5)');
    expect((await outbox.rows()).filter(({ attempts }) => attempts === 0)).toHaveLength(7);
  });
});
