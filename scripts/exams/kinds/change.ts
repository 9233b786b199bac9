import type { Kind } from '../kind.ts';
import { names, things } from '../words.ts';

/**
 * A product and a difference in words: `ann buys 4 cups at 7. change from 60?`, worked `4*7=28 60-28=32 #32`.
 *
 * In the exam as the harder two-step word problem: subtraction follows the product. Harder with a larger product.
 */
export const change: Kind = {
  name: 'change',
  subject: 'word problems',
  points: [6, 10],
  perPaper: 2,
  better: 'worked',
  workedShare: 0.5,
  practised: 0.4,
  draw(draw) {
    const [count, price] = [draw.between(2, 6), draw.between(2, 9)];
    const cost = count * price;
    const paid = 5 * draw.between(12, 19);
    return {
      question: `${draw.pick(names)} buys ${count} ${draw.pick(things)} at ${price}. change from ${paid}?`,
      answer: paid - cost,
      working: `${count}*${price}=${cost} ${paid}-${cost}=${paid - cost}`,
      difficulty: (cost - 4) / 50,
    };
  },
};
