import type { Kind } from '../kind.ts';

/**
 * Multiplies two digits by one: `47*6=?`, worked `40*6=240 7*6=42 240+42=282 #282`.
 *
 * In the exam because the two partial products are known by heart, and the whole is not. Harder with larger
 * numbers.
 */
export const product: Kind = {
  name: 'product',
  subject: 'arithmetic',
  points: [4, 8],
  perPaper: 1,
  better: 'worked',
  workedShare: 0.5,
  practised: 1,
  draw(draw) {
    const [tens, ones, by] = [draw.between(1, 5), draw.between(1, 9), draw.between(2, 6)];
    const two = 10 * tens + ones;
    return {
      question: draw.pick([
        `${two}*${by}=?`,
        `${by}*${two}=?`,
        `${two} times ${by}?`,
        `${by} times ${two}?`,
        `product of ${two} and ${by}?`,
      ]),
      answer: two * by,
      working: `${10 * tens}*${by}=${10 * tens * by} ${ones}*${by}=${ones * by} ${10 * tens * by}+${ones * by}=${two * by}`,
      difficulty: (tens + by - 3) / 8,
    };
  },
};
