import { type Place, RlevError, show } from '../../core/errors.ts';

/** A record as its file holds it, before it is checked: a JSON object, or a row of a table by its header. */
export interface RawRecord {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly place: Place;
}

/** A question of an exam. */
export interface Question {
  readonly id: string;
  readonly exam: string;
  readonly question: string;
  readonly reference: readonly string[];
  readonly solution: string | null;
  readonly points: number;
  readonly exam_total: number;
  /** Fields of the user's own. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly place: Place;
}

/** Fields that a question has by itself; all others are the user's own. */
export const questionFields = [
  'id',
  'exam',
  'question',
  'reference',
  'solution',
  'points',
  'exam_total',
] as const;

/**
 * A checked question. Numbers are taken as text for `id`, `exam` and `reference`; `exam` may be absent.
 *
 * @param exam what the paper is called where the record does not say
 * @param report called with a `data/value` error for each field that cannot be used
 * @returns null where something was reported
 */
export function questionOf(
  { fields, place }: RawRecord,
  exam: string,
  report: (error: RlevError) => void,
): Question | null {
  let sound = true;
  const wrong = (field: string, is: string, help: string): null => {
    sound = false;
    const value = fields[field];
    const id = fields.id === undefined || field === 'id' ? '' : `Question ${show(fields.id)}: `;
    report(new RlevError({ code: 'data/value', message: `${id}${field} ${is}.`, value, place, help }));
    return null;
  };
  const text = (field: string, help: string): string | null => {
    const value = fields[field];
    if (value === undefined || value === null) return wrong(field, 'is missing', help);
    if (typeof value === 'number' && field !== 'question') return String(value);
    if (typeof value !== 'string') return wrong(field, `is ${show(value)}, not text`, help);
    if (value.trim() === '') return wrong(field, 'is empty', help);
    return value;
  };
  const number = (field: string, help: string): number | null => {
    const value = fields[field];
    if (value === undefined || value === null) return wrong(field, 'is missing', help);
    if (typeof value !== 'number') return wrong(field, `is ${show(value)}, not a number`, help);
    if (!Number.isFinite(value)) return wrong(field, `is ${value}`, help);
    return value;
  };

  const id = text('id', 'Give every question an id that no other has.');
  const question = text('question', 'Give the text that the policy is to read.');
  const reference = references(fields.reference, (is) =>
    wrong('reference', is, 'Give the answer as text, or a list of answers where the text asks several.'),
  );
  const points = number(
    'points',
    'Give the points that a right answer earns: a number from 0 to exam_total.',
  );
  const total = number('exam_total', 'Give the full marks of the paper: a number above 0.');
  if (points !== null && points < 0) wrong('points', `is ${points}, below 0`, 'Points are 0 or more.');
  if (total !== null && total <= 0)
    wrong('exam_total', `is ${total}, not above 0`, 'Give the full marks of the paper.');
  else if (points !== null && total !== null && points > total)
    wrong(
      'points',
      `is ${points}, above the exam_total of ${total}`,
      'No question is worth more than its paper.',
    );
  const named = fields.exam === undefined || fields.exam === null ? exam : text('exam', 'Name the paper.');
  const solution = fields.solution ?? null;
  if (solution !== null && typeof solution !== 'string')
    wrong('solution', `is ${show(solution)}, not text`, 'Give a worked answer as text, or leave it out.');
  if (!sound) return null;

  const data = Object.fromEntries(
    Object.entries(fields).filter(([field]) => !(questionFields as readonly string[]).includes(field)),
  );
  return {
    id: id!,
    exam: named!,
    question: question!,
    reference: reference!,
    solution: solution as string | null,
    points: points!,
    exam_total: total!,
    data,
    place,
  };
}

function references(value: unknown, wrong: (is: string) => null): readonly string[] | null {
  if (value === undefined || value === null) return wrong('is missing');
  const list: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (list.length === 0) return wrong('is an empty list');
  for (const answer of list) {
    if (typeof answer !== 'string' && typeof answer !== 'number')
      return wrong(`holds ${show(answer)}, not text`);
    if (String(answer).trim() === '') return wrong('is empty');
  }
  return list.map(String);
}
