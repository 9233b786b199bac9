import type { Kind } from '../kind.ts';
import { names } from '../words.ts';

/**
 * Two products and their sum in words: `tom goes 3 h at 40, 2 h at 60. far?`, worked `3*40=120 2*60=120 #240`.
 *
 * In the exam as the question with the most to keep in mind. Harder with a longer way.
 */
export const journey: Kind = {
  name: 'journey',
  subject: 'word problems',
  points: [7, 10],
  perPaper: 1,
  better: 'worked',
  workedShare: 0.5,
  practised: 1,
  draw(draw) {
    const [h1, h2] = [draw.between(2, 5), draw.between(2, 5)];
    const [v1, v2] = [10 * draw.between(2, 6), 10 * draw.between(2, 6)];
    const far = h1 * v1 + h2 * v2;
    return {
      question: `${draw.pick(names)} goes ${h1} h at ${v1}, ${h2} h at ${v2}. far?`,
      answer: far,
      working: `${h1}*${v1}=${h1 * v1} ${h2}*${v2}=${h2 * v2}`,
      difficulty: (far - 80) / 520,
    };
  },
};
