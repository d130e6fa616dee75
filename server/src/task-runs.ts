/** The metrics of one task. */
export interface TaskState {
  readonly failures: number;
  /** Time in milliseconds by which the next successful end is overdue; 0 if it is not. */
  readonly lagMs: number;
}

interface Task {
  readonly everyMs: number;
  succeededAt: number;
  failures: number;
}

/** Records how the runs of the background tasks of this process end. */
export class TaskRuns {
  readonly #tasks = new Map<string, Task>();
  readonly #now: () => number;

  /** @param now milliseconds of a monotonic clock */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** @param everyMs the longest pause between two runs */
  begin(name: string, everyMs: number): void {
    this.#tasks.set(name, { everyMs, succeededAt: this.#now(), failures: 0 });
  }

  noteEnd(name: string, hasSucceeded: boolean): void {
    const task = this.#tasks.get(name);
    if (task === undefined) return;
    if (hasSucceeded) task.succeededAt = this.#now();
    else task.failures += 1;
  }

  get states(): ReadonlyMap<string, TaskState> {
    const now = this.#now();
    const stateOf = ({ everyMs, succeededAt, failures }: Task): TaskState => ({
      failures,
      lagMs: Math.max(0, now - succeededAt - everyMs),
    });
    return new Map([...this.#tasks].map(([name, task]) => [name, stateOf(task)]));
  }
}
