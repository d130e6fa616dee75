import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startChild, type Child } from '../test/child-process.ts';
import { DirectoryInUseError, lockDirectory } from './directory-lock.ts';

let directory: string;
const children: Child[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'gatehouse-lock-'));
});

afterEach(async () => {
  await Promise.all(children.splice(0).map((child) => child.kill()));
  await rm(directory, { recursive: true });
});

test('a second opener in the same process is refused until the first releases', async () => {
  const lock = await lockDirectory(directory);
  await expect(lockDirectory(directory)).rejects.toThrow(new DirectoryInUseError(directory, process.pid));
  await lock.release();
  await (await lockDirectory(directory)).release();
});

test('a second process is refused, and the error names the first one', async () => {
  const [holder, answer] = await startHolder();
  expect(answer).toBe('locked');
  await expect(lockDirectory(directory)).rejects.toThrow(`${directory} is in use by process ${holder.pid}`);
});

test('the lock of a killed process does not stay', async () => {
  for (let round = 0; round < 3; round += 1) {
    const [holder, answer] = await startHolder();
    expect(answer).toBe('locked');
    await holder.kill();
  }
  await (await lockDirectory(directory)).release();
  expect((await readdir(directory)).length).toBe(1);
});

test('a process that is stopped keeps its lock', async () => {
  const [holder] = await startHolder();
  process.kill(holder.pid, 'SIGSTOP');
  await expect(lockDirectory(directory)).rejects.toThrow(`${directory} is in use by another process`);
});

test('exactly one of many starters gets the lock, also when a dead process left one', async () => {
  const [dead] = await startHolder();
  await dead.kill();
  for (let round = 0; round < 20; round += 1) {
    const attempts = await Promise.allSettled(Array.from({ length: 20 }, () => lockDirectory(directory)));
    const winners = attempts.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
    expect(winners.length).toBe(1);
    await winners[0]?.release();
  }
});

test('exactly one of many processes gets the lock', async () => {
  const holders = await Promise.all(Array.from({ length: 4 }, () => startHolder()));
  expect(holders.filter(([, answer]) => answer === 'locked').length).toBe(1);
});

test('a path longer than a socket address may be is no obstacle', async () => {
  const deep = join(directory, 'd'.repeat(100), 'e'.repeat(100));
  await mkdir(deep, { recursive: true });
  const lock = await lockDirectory(deep);
  await expect(lockDirectory(deep)).rejects.toThrow(DirectoryInUseError);
  await lock.release();
  await (await lockDirectory(deep)).release();
});

async function startHolder(): Promise<[Child, string]> {
  const child = startChild('lock-holder', directory);
  children.push(child);
  const line = await child.lines.next();
  return [child, line.done === true ? '' : line.value];
}
