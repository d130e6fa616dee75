/** Whether the test passes without these guards. */
export type PassesWithout = (gone: readonly number[]) => Promise<boolean>;

/** After this many passing tests, a guard is removed together with others. */
const triesAlone = 3;

/**
 * A smallest set of guards without which the test fails: it passes again with any one of them.
 *
 * @param group guards without which the test fails
 */
async function leastOf(group: readonly number[], passesWithout: PassesWithout): Promise<number[]> {
  const least: number[] = [];
  let rest = group;
  do {
    // The shortest beginning of the rest that makes the test fail. Its last guard belongs to the set.
    let [passing, failing] = [0, rest.length];
    while (failing - passing > 1) {
      const middle = Math.floor((passing + failing) / 2);
      if (await passesWithout([...least, ...rest.slice(0, middle)])) passing = middle;
      else failing = middle;
    }
    least.push(...rest.slice(failing - 1, failing));
    rest = rest.slice(0, failing - 1);
  } while (rest.length > 0 && (await passesWithout(least)));
  return least;
}

/**
 * Removes guards together, as one test for many guards is faster than a test for each. Where the test fails because
 * one of the removed guards is the second guard of another, the two are removed apart from then on.
 */
export class Groups {
  /** Sets of guards that protect the same: one of each set must stay. */
  readonly #sets: ReadonlySet<number>[] = [];
  readonly #tries = new Map<number, number>();

  /**
   * The guards that are detected: without one of these alone the test fails.
   *
   * @param guards those that the test reaches
   */
  async detect(guards: readonly number[], passesWithout: PassesWithout): Promise<number[]> {
    const detected: number[] = [];
    const isNew = (id: number) => (this.#tries.get(id) ?? 0) < triesAlone;
    const open = [...guards.filter(isNew).map((id) => [id]), ...this.#divide(guards.filter((id) => !isNew(id)))];
    for (let group = open.pop(); group; group = open.pop()) {
      if (await passesWithout(group)) continue;
      const least = await leastOf(group, passesWithout);
      if (least.length > 1) this.#sets.push(new Set(least));
      else detected.push(...least);
      open.push(...this.#divide(group.filter((id) => !detected.includes(id))));
    }
    for (const id of guards) this.#tries.set(id, (this.#tries.get(id) ?? 0) + 1);
    return detected;
  }

  /** The smallest number of groups that keeps a guard of each set. */
  #divide(guards: readonly number[]): number[][] {
    const groups: number[][] = [];
    for (const id of guards) {
      const group = groups.find((some) => this.#leavesOne([...some, id]));
      if (group) group.push(id);
      else groups.push([id]);
    }
    return groups;
  }

  #leavesOne(gone: readonly number[]): boolean {
    return !this.#sets.some((set) => [...set].every((id) => gone.includes(id)));
  }
}
