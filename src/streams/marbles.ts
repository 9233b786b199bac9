import { deepStrictEqual } from 'node:assert';
import { type RunHelpers, TestScheduler } from 'rxjs/testing';

/**
 * Runs a marble test: streams drawn as text, on a clock that does not tick by itself.
 *
 * ```ts
 * marbles(({ cold, expectObservable }) => {
 *   expectObservable(cold('-a-b|').pipe(take(1))).toBe('-(a|)');
 * });
 * ```
 *
 * A stage answers by a promise, which that clock does not know: let a `delay` stand for its work.
 *
 * @throws AssertionError with both streams, frame by frame
 */
export function marbles(work: (helpers: RunHelpers) => void): void {
  new TestScheduler(deepStrictEqual).run(work);
}
