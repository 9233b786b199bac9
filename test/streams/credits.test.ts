import { expect } from 'chai';
import { concatMap, delay, map, of, pipe, tap } from 'rxjs';
import { withCredits } from '../../src/streams/credits.ts';
import { marbles } from '../../src/testing/index.ts';

/** Takes `frames` for each, one at a time, and writes down when each goes in. */
const slow = (frames: number, goesIn: (n: number) => void = () => undefined) =>
  pipe(
    tap(goesIn),
    concatMap((n: number) => of(String(n)).pipe(delay(frames))),
  );

describe('streams/credits', () => {
  it('let the next in when one has come out', () => {
    marbles(({ expectObservable }) => {
      const two = withCredits({ from: 0, to: 4, inFlight: 2 }, slow(3));
      expectObservable(two).toBe('---0--1--2--(3|)');
    });
  });

  it('let one in at a time where one may be in flight', () => {
    marbles(({ expectObservable, flush }) => {
      const log: string[] = [];
      const one = withCredits(
        { from: 3, to: 6, inFlight: 1 },
        slow(2, (n) => log.push(`in ${n}`)),
      );
      expectObservable(one.pipe(tap((n) => log.push(`out ${n}`)))).toBe('--3-4-(5|)');
      flush();
      expect(log).to.deep.equal(['in 3', 'in 4', 'out 3', 'in 5', 'out 4', 'out 5']);
    });
  });

  it('bound what is under way, however slow what follows', () => {
    marbles(({ expectObservable, flush }) => {
      let underWay = 0;
      let most = 0;
      const fast = pipe(
        tap(() => {
          most = Math.max(most, ++underWay);
        }),
        delay<number>(1),
        concatMap((n) => of(n).pipe(delay(7))),
        map((n) => {
          underWay--;
          return String(n);
        }),
      );
      expectObservable(withCredits({ from: 0, to: 5, inFlight: 3 }, fast)).toBe(
        '8ms 0 6ms 1 6ms 2 6ms 3 6ms (4|)',
      );
      flush();
      expect(most).to.equal(3);
      expect(underWay).to.equal(0);
    });
  });

  it('end with the first error, and let nothing in after it', () => {
    marbles(({ expectObservable, flush }) => {
      const entered: number[] = [];
      const failing = pipe(
        slow(2, (n) => entered.push(n)),
        map((n) => {
          if (n === '1') throw 'no';
          return n;
        }),
      );
      expectObservable(withCredits({ from: 0, to: 9, inFlight: 2 }, failing)).toBe('--0-#', undefined, 'no');
      flush();
      expect(entered).to.deep.equal([0, 1, 2]);
    });
  });

  it('let nothing in after what listens is gone', () => {
    marbles(({ expectObservable, flush }) => {
      const entered: number[] = [];
      const counted = withCredits(
        { from: 0, to: 9, inFlight: 1 },
        slow(2, (n) => entered.push(n)),
      );
      expectObservable(counted, '^----!').toBe('--0-1');
      flush();
      expect(entered).to.deep.equal([0, 1, 2]);
    });
  });

  it('complete at once where there is nothing to do', () => {
    marbles(({ expectObservable }) => {
      expectObservable(withCredits({ from: 2, to: 2, inFlight: 2 }, slow(1))).toBe('|');
    });
  });
});
