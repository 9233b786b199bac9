import type { Kind } from '../kind.ts';
import { names, things } from '../words.ts';

/**
 * A quotient and a difference in words: `48 figs for 4. ann loses 5. left?`, worked `48/4=12 12-5=7 #7`.
 *
 * In the exam for division, which no other word problem asks. Harder with a larger quotient.
 */
export const share: Kind = {
  name: 'share',
  subject: 'word problems',
  points: [6, 9],
  perPaper: 1,
  better: 'worked',
  workedShare: 0.5,
  practised: 1,
  draw(draw) {
    const [by, each] = [draw.between(2, 6), draw.between(4, 12)];
    const lost = draw.between(1, each - 1);
    return {
      question: `${by * each} ${draw.pick(things)} for ${by}. ${draw.pick(names)} loses ${lost}. left?`,
      answer: each - lost,
      working: `${by * each}/${by}=${each} ${each}-${lost}=${each - lost}`,
      difficulty: (each - 4) / 8,
    };
  },
};
