/** Runs asynchronous work in the order it was asked for, each after the one before has settled. */
export class OneAtATime {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work, work);
    // A failure is its caller's; the next work runs all the same.
    this.#last = result.catch(() => undefined);
    return result;
  }
}
