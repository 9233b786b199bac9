import type { Kind } from '../kind.ts';

/**
 * The mean of three numbers: `mean of 12,18,9?`, worked `12+18=30 30+9=39 39/3=13 #13`.
 *
 * In the exam as the longest chain: three steps, so that its full working nearly fills the answer's space, and a
 * good guess is near without any. Harder with larger numbers.
 */
export const mean: Kind = {
  name: 'mean',
  subject: 'arithmetic',
  points: [7, 10],
  perPaper: 1,
  better: 'worked',
  workedShare: 0.5,
  practised: 1,
  draw(draw) {
    const [a, b, near] = [draw.between(2, 49), draw.between(2, 19), draw.between(2, 9)];
    const c = near + ((300 - a - b - near) % 3);
    const total = a + b + c;
    return {
      question: `mean of ${a},${b},${c}?`,
      answer: total / 3,
      working: `${a}+${b}=${a + b} ${a + b}+${c}=${total} ${total}/3=${total / 3}`,
      difficulty: (total - 6) / 73,
    };
  },
};
