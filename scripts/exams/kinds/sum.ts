import type { Kind } from '../kind.ts';

/**
 * Adds three numbers: `34+17+8=?`, worked `34+17=51 51+8=59 #59`.
 *
 * In the exam because the running total, once written, turns one hard step into two easy ones. Harder with
 * larger numbers.
 */
export const sum: Kind = {
  name: 'sum',
  subject: 'arithmetic',
  points: [4, 7],
  perPaper: 3,
  better: 'worked',
  workedShare: 0.5,
  practised: 1,
  draw(draw) {
    const [a, b, c] = [draw.between(11, 59), draw.between(2, 19), draw.between(2, 9)];
    return {
      question: `${a}+${b}+${c}=?`,
      answer: a + b + c,
      working: `${a}+${b}=${a + b} ${a + b}+${c}=${a + b + c}`,
      difficulty: (a + b + c - 15) / 72,
    };
  },
};
