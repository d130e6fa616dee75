import type { Tx } from '../db/db.ts';
import type { BackgroundTask } from '../calls/background-task.ts';
import type { Services } from '../calls/services.ts';

/** Requests that are stored as rows and processed in the background. */
interface StoredRequests<Request extends { readonly id: string }> {
  /** Name of the task, for the log. */
  readonly name: string;
  /** The name of a request in the error of a failed run. */
  readonly noun: string;
  /** Pause between two runs, in milliseconds. Default: a second. */
  readonly everyMs?: number;
  /** Claims the oldest request after the given one; a commit deletes it. */
  readonly take: (tx: Tx, afterId: string, services: Services) => Promise<Request | undefined>;
  readonly answer: (tx: Tx, services: Services, request: Request) => Promise<void>;
}

/**
 * @returns the id of the claimed request, and the error if processing failed; undefined if there are no more requests
 */
async function answerNext<Request extends { readonly id: string }>(
  services: Services,
  { take, answer }: StoredRequests<Request>,
  afterId: string,
): Promise<{ id: string; error?: unknown } | undefined> {
  let id: string | undefined;
  try {
    await services.db.transaction(async (tx) => {
      const request = await take(tx, afterId, services);
      id = request?.id;
      if (request) await answer(tx, services, request);
    });
    return id === undefined ? undefined : { id };
  } catch (error) {
    if (id === undefined) throw error;
    return { id, error };
  }
}

/**
 * The task that processes stored requests, so that the response time of the request does not reveal whether an address
 * has an account. Each request is one transaction: a crash loses no request and mails none twice. A failed request is
 * retried in the next run and does not block other requests.
 */
export const processStored = <Request extends { readonly id: string }>(
  requests: StoredRequests<Request>,
): BackgroundTask => ({
  name: requests.name,
  everyMs: requests.everyMs ?? 1000,
  run: async (services, signal) => {
    let failed: { error: unknown } | undefined;
    let answered = await answerNext(services, requests, '0');
    while (answered) {
      if ('error' in answered) failed = { error: answered.error };
      answered = signal.aborted ? undefined : await answerNext(services, requests, answered.id);
    }
    if (failed) throw new Error(`a ${requests.noun} could not be processed`, { cause: failed.error });
  },
});
