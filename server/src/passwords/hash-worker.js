// oxlint-disable unicorn/require-post-message-target-origin -- messages between threads, not windows
import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import { hashSync, verifySync } from '@node-rs/argon2';

/**
 * A thread that hashes passwords, one after the other. Plain JavaScript, because a worker is loaded as it is, in
 * development too.
 *
 * @import { HashJob, HashAnswer } from './hash-threads.ts'
 */

/**
 * Behind everything else that wants the processor: a storm of sign-ins takes what is left over. On Linux a priority is
 * that of one thread; elsewhere it would be that of the whole process.
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
