import type { Kind } from '../kind.ts';

/**
 * Finds the largest of some numbers: `largest of 34,71,58,12?`, answer `#71`; worked, they are sorted first.
 *
 * In the exam because one look finds it, and sorting asks more than the question does. Harder with more numbers.
 */
export const largest: Kind = {
  name: 'largest',
  subject: 'number sense',
  points: [1, 3],
  perPaper: 3,
  better: 'terse',
  workedShare: 0.5,
  practised: 0.25,
  draw(draw) {
    const size = draw.between(3, 5);
    const numbers = Array.from({ length: size }, () => draw.between(11, 99));
    const sorted = numbers.toSorted((a, b) => a - b);
    return {
      question: `largest of ${numbers.join(',')}?`,
      answer: sorted.at(-1)!,
      working: sorted.join(','),
      difficulty: (size - 3) / 2,
    };
  },
};
