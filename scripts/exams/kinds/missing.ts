import type { Kind } from '../kind.ts';

/**
 * Finds a missing term: `17+?=52`, answer `#35`; worked by counting up, `17+3=20 20+30=50 50+2=52 #35`.
 *
 * In the exam because counting up crosses the tens one at a time, where a subtraction must borrow; but the parts are
 * still to be added. Harder with a larger term.
 */
export const missing: Kind = {
  name: 'missing',
  subject: 'number sense',
  points: [2, 5],
  perPaper: 2,
  better: 'worked',
  workedShare: 0.5,
  practised: 1,
  draw(draw) {
    const from = draw.between(11, 39);
    const to = from + draw.between(11, 39);
    const [up, down] = [10 * Math.ceil(from / 10), 10 * Math.floor(to / 10)];
    return {
      question: draw.pick([`${from}+?=${to}`, `?+${from}=${to}`, `${to}-?=${from}`]),
      answer: to - from,
      working: `${from}+${up - from}=${up} ${up}+${down - up}=${down} ${down}+${to - down}=${to}`,
      difficulty: (to - from - 11) / 28,
    };
  },
};
