import type { Draw } from './draw.ts';

/** One kind of question that the exam asks. Each file of `kinds/` says what it asks and why it is in the exam. */
export interface Kind {
  readonly name: string;
  readonly subject: 'arithmetic' | 'number sense' | 'word problems';
  /** What an examiner gives for the easiest and the hardest question of the kind: whole points in 1..10. */
  readonly points: readonly [easiest: number, hardest: number];
  /** How many of a paper's twenty questions are of the kind. */
  readonly perPaper: number;
  /** The style that the kind was made for: whether writing out the working helps, or only invites slips. */
  readonly better: 'worked' | 'terse';
  /** The share of the supervised solutions of the kind that are worked, in [0, 1]. */
  readonly workedShare: number;
  /**
   * The share of the kind's questions in the supervised papers that are practised, in [0, 1]: below 1 for kinds that
   * a policy learns sooner than the others, so that it has mastered none of them when reinforcement begins.
   */
  readonly practised: number;
  draw(draw: Draw): Item;
}

/** One question of a kind, before an examiner gives it points. */
export interface Item {
  readonly question: string;
  readonly answer: number;
  /** The working that leads to the answer, without the answer itself. */
  readonly working: string;
  /** How demanding the question is among those of its kind, in [0, 1]. */
  readonly difficulty: number;
}

/** The answer alone, as an answer is marked: `#41`. */
export function terse(item: Item): string {
  return `#${item.answer}`;
}

/** The working, then the answer: `3*8=24 24+17=41 #41`. */
export function worked(item: Item): string {
  return `${item.working} ${terse(item)}`;
}
