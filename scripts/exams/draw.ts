import { integer, type RandomKey } from '../../src/core/random.ts';

/** The random choices that make one question, counted by their position under the question's key. */
export class Draw {
  readonly #key: RandomKey;
  #position = 0;

  constructor(key: RandomKey) {
    this.#key = key;
  }

  /** An integer in [low, high], both included. */
  between(low: number, high: number): number {
    return low + integer(this.#key, this.#position++, high - low + 1);
  }

  pick<T>(choices: readonly T[]): T {
    return choices[this.between(0, choices.length - 1)]!;
  }

  /** `count` different members of `choices`, in random order. */
  pickSome<T>(choices: readonly T[], count: number): T[] {
    const left = [...choices];
    return Array.from({ length: count }, () => left.splice(this.between(0, left.length - 1), 1)[0]!);
  }
}
