import {
  defer,
  finalize,
  merge,
  type Observable,
  type OperatorFunction,
  range,
  Subject,
  take,
  tap,
} from 'rxjs';

export interface Credits {
  /** The first number, and the one after the last. */
  readonly from: number;
  readonly to: number;
  /** How many may be under way at once. */
  readonly inFlight: number;
}

/**
 * Numbers through an operator, never more than `inFlight` of them under way: the first ones start at once, and when n
 * comes out, n + inFlight goes in. What works and what waits is bounded, however slow what follows is, and whether a
 * number may start depends on what has come out, never on speed. Completes after the last.
 *
 *     inFlight: 2, each takes 3 frames, one at a time
 *     in   (01)-2--3
 *     out  ---0--1--2--(3|)
 *
 * @param work gives one result a number, in order, and none before `subscribe` returns
 */
export function withCredits<T>(
  { from, to, inFlight }: Credits,
  work: OperatorFunction<number, T>,
): Observable<T> {
  return defer(() => {
    const credits = new Subject<number>();
    let next = from + inFlight;
    const started = merge(range(from, Math.min(inFlight, to - from)), credits).pipe(take(to - from));
    return started.pipe(
      work,
      tap(() => {
        if (next < to) credits.next(next++);
      }),
      finalize(() => credits.complete()),
    );
  });
}
