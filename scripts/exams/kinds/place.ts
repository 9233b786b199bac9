import type { Kind } from '../kind.ts';

/**
 * Reads one number from a list by its place: `number 3 of 34,71,58,12?`, answer `#58`; worked, the list is copied
 * backwards first, `12,58,71,34 #58`.
 *
 * In the exam as the opener that asks for no working: to write the list again only adds places to slip. Harder with
 * a longer list.
 */
export const place: Kind = {
  name: 'place',
  subject: 'number sense',
  points: [1, 3],
  perPaper: 2,
  better: 'terse',
  workedShare: 0.5,
  practised: 0.25,
  draw(draw) {
    const size = draw.between(3, 5);
    const numbers = Array.from({ length: size }, () => draw.between(11, 99));
    const asked = draw.between(1, size);
    return {
      question: `number ${asked} of ${numbers.join(',')}?`,
      answer: numbers[asked - 1]!,
      working: numbers.toReversed().join(','),
      difficulty: (size - 3) / 2,
    };
  },
};
