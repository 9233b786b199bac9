import type { Kind } from '../kind.ts';
import { things } from '../words.ts';

/**
 * A product and a sum in words: `3 bags of 8 pens, 17 more. total?`, worked `3*8=24 24+17=41 #41`.
 *
 * In the exam as the plain two-step word problem. Harder with a larger product.
 */
export const bags: Kind = {
  name: 'bags',
  subject: 'word problems',
  points: [5, 9],
  perPaper: 2,
  better: 'worked',
  workedShare: 0.5,
  practised: 0.8,
  draw(draw) {
    const [bagCount, each, more] = [draw.between(2, 6), draw.between(2, 9), draw.between(2, 29)];
    const inBags = bagCount * each;
    return {
      question: `${bagCount} bags of ${each} ${draw.pick(things)}, ${more} more. total?`,
      answer: inBags + more,
      working: `${bagCount}*${each}=${inBags} ${inBags}+${more}=${inBags + more}`,
      difficulty: (inBags - 4) / 50,
    };
  },
};
