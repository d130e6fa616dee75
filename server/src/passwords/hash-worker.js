// oxlint-disable unicorn/require-post-message-target-origin -- messages between threads, not windows
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { hashSync, verifySync } from '@node-rs/argon2';

/**
 * A thread that hashes passwords, one at a time. Plain JavaScript, because workers are loaded without compilation, also
 * in development.
 *
 * @import { HashJob, HashAnswer } from './hash-threads.ts'
 */

/**
 * Lowest CPU priority, so that many sign-ins do not slow down other requests. On Linux the priority applies to a single
 * thread; on other systems it would apply to the whole process.
 */
const niceness = 10;
if (process.platform === 'linux') setPriority(niceness);

/**
 * @param {HashJob} job
 * @returns {string | boolean}
 */
function work({ password, hash, parameters }) {
  return hash === undefined ? hashSync(password, parameters) : verifySync(hash, password);
}

/**
 * @param {HashJob} job
 * @returns {HashAnswer}
 */
function answer(job) {
  try {
    return { id: job.id, result: work(job) };
  } catch (error) {
    return { id: job.id, error: error instanceof Error ? error.message : String(error) };
  }
}

parentPort?.on('message', (/** @type {HashJob} */ job) => parentPort?.postMessage(answer(job)));
