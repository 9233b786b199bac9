import type { Kind } from '../kind.ts';

/**
 * Rounds to tens or hundreds: `round 467 to tens`, answer `#470`; worked by adding half a unit and cutting,
 * `467+5=472 472-2=470 #470`.
 *
 * In the exam because one digit settles it, and the working carries where the question does not. Harder where the
 * answer is rounded up.
 */
export const rounding: Kind = {
  name: 'rounding',
  subject: 'number sense',
  points: [1, 3],
  perPaper: 2,
  better: 'terse',
  workedShare: 0.5,
  practised: 0.4,
  draw(draw) {
    const n = draw.between(111, 949);
    const [unit, name] = draw.pick([
      [10, 'ten'],
      [100, 'hundred'],
    ] as const);
    const raised = n + unit / 2;
    const answer = raised - (raised % unit);
    return {
      question: draw.pick([`round ${n} to ${name}s`, `${n} to the nearest ${name}?`]),
      answer,
      working: `${n}+${unit / 2}=${raised} ${raised}-${raised % unit}=${answer}`,
      difficulty: answer > n ? 1 : 0,
    };
  },
};
