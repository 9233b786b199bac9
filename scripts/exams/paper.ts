import { RlevError } from '../../src/core/errors.ts';
import { foldIn, integer, type RandomKey } from '../../src/core/random.ts';
import { Draw } from './draw.ts';
import type { Item, Kind } from './kind.ts';
import { kinds } from './kinds/index.ts';

/** The full marks of every paper (`exam_total`). */
export const fullMarks = 100;

/** One question of a paper. */
export interface Question extends Item {
  readonly kind: Kind;
  /** Whole points; those of a paper sum to `fullMarks`. */
  readonly points: number;
}

/**
 * Sets one paper: `perPaper` questions of every kind, in the order of the kinds, none of them in `asked` (to which
 * they are added). Points follow the kind's range and the question's difficulty with one point of an examiner's
 * whim either way; what the paper is then above or below its full marks is given or taken a point at a time, at
 * random places, inside the kinds' ranges.
 */
export function setPaper(key: RandomKey, asked: Set<string>): Question[] {
  const questions: Question[] = [];
  for (const kind of kinds) {
    for (let i = 0; i < kind.perPaper; i++) {
      const item = newItem(kind, foldIn(key, questions.length), asked);
      const whim = integer(foldIn(key, questions.length, 0, 1), 0, 3) - 1;
      const [least, most] = kind.points;
      const fair = Math.round(least + item.difficulty * (most - least));
      questions.push({ ...item, kind, points: Math.min(Math.max(fair + whim, least), most) });
    }
  }
  return balance(questions, foldIn(key, questions.length));
}

function newItem(kind: Kind, key: RandomKey, asked: Set<string>): Item {
  for (let attempt = 0; attempt < 10_000; attempt++) {
    const item = kind.draw(new Draw(foldIn(key, attempt)));
    if (asked.has(item.question)) continue;
    asked.add(item.question);
    return item;
  }
  throw new RlevError({
    code: 'data/value',
    message: `The kind ${kind.name} has no more questions that were not asked.`,
    value: kind.name,
    help: 'Widen what the kind draws from, or set fewer papers.',
  });
}

function balance(questions: readonly Question[], key: RandomKey): Question[] {
  const balanced = questions.map((question) => ({ ...question }));
  let excess = balanced.reduce((sum, { points }) => sum + points, -fullMarks);
  for (let position = 0; excess !== 0; position++) {
    const question = balanced[integer(key, position, balanced.length)]!;
    const points = question.points - Math.sign(excess);
    if (points < question.kind.points[0] || points > question.kind.points[1]) continue;
    question.points = points;
    excess -= Math.sign(excess);
  }
  return balanced;
}
