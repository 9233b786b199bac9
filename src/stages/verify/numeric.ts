import { z } from 'zod';
import { columnOf } from '../../core/batch.ts';
import { RlevError, show } from '../../core/errors.ts';
import { type Dataset, defineMap } from '../../core/stage.ts';
import { Findings } from '../findings.ts';
import { placeIn } from '../place-in.ts';
import { lines, plainText } from './extract.ts';
import { agree, leadingNumber, near, numbersIn, toNumber, type WrittenNumber } from './numbers.ts';
import {
  type Answering,
  answering,
  answeringParams,
  judge,
  partsOf,
  type Verdict,
  verdictColumns,
} from './parts.ts';
import { loadUnits, type Units } from './units.ts';

/** When a number is the number of the reference. */
export interface Comparison {
  /** Largest difference from the reference that still counts as right, and the largest over the reference. */
  readonly abs: number;
  readonly rel: number;
  /** Whether 50% is 0.5, or 50 as well. */
  readonly percent: 'share' | 'either';
  /** The unit of references that name none. */
  readonly unit?: string | undefined;
  /** What an answer without a unit is, where the reference has one. */
  readonly missingUnit: 'right' | 'wrong';
}

/** One object, as a third to spread would take most of a verdict's time. */
const standard: Comparison & Answering = {
  abs: 0,
  rel: 0,
  percent: 'share',
  missingUnit: 'right',
  ...answering,
};

/** Converting between units rounds. */
const conversion = 1e-9;

/**
 * Whether a response gives the number that the reference is.
 *
 * The answer is what the response states (after its last `#`, in `\boxed{}`, after "answer is"), or its last number
 * where it states none. A statement that names two different numbers before its first full stop names none. Where the reference has several
 * parts, the numbers of the statement are taken in order, and the score is the share that is right. Numbers compare
 * by exact value: `1,000` is 1000, `\frac{1}{2}` and `50%` are 0.5. Where the reference has a unit, the answer is
 * converted to it, and a unit of something else is wrong.
 *
 * @param reference one number a part, each as text
 * @param units from `loadUnits`: needed where a reference has a unit
 */
export function verifyNumeric(
  response: string,
  reference: readonly string[],
  options: Partial<Comparison & Answering> = {},
  units?: Units,
): Verdict {
  const how = { ...standard, ...options };
  return judge(response, reference, how, {
    find: (text, stated, parts) => quantities(text, stated, parts.length, units !== undefined),
    text: ({ number, after }) => `${number.text} ${units?.leadingUnit(after, '') ?? ''}`.trimEnd(),
    right: (answer, expected) => isRight(answer, expected, how, units),
  });
}

/** A number, and what follows it. */
interface Quantity {
  readonly number: WrittenNumber;
  readonly after: string;
}

function isRight({ number, after }: Quantity, expected: string, how: Comparison, units?: Units): boolean {
  const right = expectedOf(expected, how.unit, units);
  if (!right) return false;
  const unit = right.unit === null ? null : units!.leadingUnit(after, right.unit);
  if (right.unit === null || unit === right.unit) return sameNumber(number, right.number, how);
  if (unit === null) return how.missingUnit === 'right' && sameNumber(number, right.number, how);
  const value = units!.convert(toNumber(number), unit, right.unit);
  return value !== null && near(value, toNumber(right.number), how.abs, Math.max(how.rel, conversion));
}

/** The number and unit of a reference; null where it is no number. */
function expectedOf(
  reference: string,
  unit: string | undefined,
  units: Units | undefined,
): { number: WrittenNumber; unit: string | null } | null {
  const text = plainText(reference);
  const leading = leadingNumber(text);
  if (!leading) return null;
  const { number, rest } = leading;
  if (rest.trim() === '') return { number, unit: (unit && units?.unitOf(unit)) ?? null };
  const own = units?.unitOf(rest);
  return own ? { number, unit: own } : null;
}

function sameNumber(a: WrittenNumber, b: WrittenNumber, { abs, rel, percent }: Comparison): boolean {
  if (agree(a, b, abs, rel)) return true;
  if (percent === 'share' || a.percent === b.percent) return false;
  return agree(a.percent ? { ...a, n: a.n * 100n } : a, b.percent ? { ...b, n: b.n * 100n } : b, abs, rel);
}

/** The numbers that a response gives as answers; with `measured`, those inside a unit (`m/s2`) left out. */
function quantities(
  text: string,
  stated: readonly string[] | null,
  parts: number,
  measured: boolean,
): readonly Quantity[] {
  const quantitiesIn = (line: string): readonly Quantity[] =>
    numbersIn(line)
      .filter((number) => !measured || !/[A-Za-z]/.test(line[number.end - number.text.length - 1] ?? ''))
      .map((number) => ({ number, after: line.slice(number.end, number.end + 60) }));
  if (!stated) return quantitiesIn(text);
  const inLine = (line: string) => clauses(line).flatMap((clause) => quantitiesIn(lastSide(clause)));
  if (stated.length > 1) return stated.slice(-parts).flatMap((box) => one(inLine(box)));
  for (const line of lines(stated[0] ?? '')) {
    const found = inLine(parts === 1 ? claim(line) : line);
    if (found.length > 0) return parts === 1 ? one(found) : found;
  }
  return [];
}

/** A line up to its first full stop, or to its reasons. */
function claim(line: string): string {
  return line.split(/(?<=\S{2})[.。]\s|\b(?:because|since)\b|因为|由于/i, 1)[0]!;
}

/** `x = 2 or x = 3` claims two things. */
function clauses(line: string): readonly string[] {
  return line.split(/\b(?:or|and)\b|[或和、;]|,\s/i);
}

/** `x = 2 + 1 = 3` states 3. */
function lastSide(clause: string): string {
  return clause.slice(clause.lastIndexOf('=') + 1);
}

/** The number, where they are all the same. */
function one(found: readonly Quantity[]): readonly Quantity[] {
  const first = found[0];
  return first && found.every(({ number }) => agree(number, first.number, 0, 0)) ? [first] : [];
}

const tolerance = z.number().min(0).default(0);

export const numeric = defineMap({
  name: 'verify/numeric',
  summary: 'Correctness of a response whose answer is a number, perhaps with a unit.',
  formula:
    'correct = share of the parts with |answer - reference| <= max(abs, rel |reference|); exact where both are 0',
  example: 'verify: { use: verify/numeric, rel: 0.01 }',
  params: z.strictObject({
    abs: tolerance.describe('Largest absolute difference that counts as right.'),
    rel: tolerance.describe('Largest difference that counts as right, over the reference.'),
    percent: z
      .enum(['share', 'either'])
      .default('share')
      .describe(
        '50% is 0.5: share; or 50 as well, where one of answer and reference has no percent sign: either.',
      ),
    unit: z.string().optional().describe('Unit of the references that name none, such as m/s.'),
    missingUnit: z
      .enum(['right', 'wrong'])
      .default('right')
      .describe(
        'What an answer without a unit is, where its reference has one: taken to be in that unit, or wrong.',
      ),
    ...answeringParams,
  }),
  needs: () => ['response', 'reference'],
  adds: () => ['answer', 'correct'],
  create: async (params, setup) => {
    if (params.unit !== undefined && (await loadUnits()).unitOf(params.unit) === null) {
      throw new RlevError({
        code: 'config/type',
        message: `The unit ${show(params.unit)} of verify/numeric is not known.`,
        value: params.unit,
        place: placeIn(setup, 'unit'),
        help: 'Write it as kg m/s^2, km/h, degC or ohm.',
      });
    }
    return {
      prepare: (dataset) => requireNumbers(dataset, params),
      run: async ({ response, reference }) => {
        const units = await unitsFor(reference, params.unit);
        return verdictColumns(response.map((text, i) => verifyNumeric(text, reference[i]!, params, units)));
      },
    };
  },
});

/** The units, where a reference has one. */
async function unitsFor(
  references: readonly (readonly string[])[],
  unit: string | undefined,
): Promise<Units | undefined> {
  const measured = unit !== undefined || references.some((parts) => parts.some(hasUnit));
  return measured ? loadUnits() : undefined;
}

function hasUnit(reference: string): boolean {
  return /\S/.test(leadingNumber(plainText(reference))?.rest ?? '');
}

async function requireNumbers(dataset: Dataset, how: Comparison & Answering): Promise<void> {
  const findings = new Findings();
  const references = columnOf(dataset.batch, 'reference');
  const units = await unitsFor(references, how.unit);
  references.forEach((reference, row) => {
    for (const part of partsOf(reference, how).flat()) {
      if (expectedOf(part, how.unit, units)) continue;
      findings.add(
        new RlevError({
          code: 'data/value',
          message: `The reference ${show(part)} is not a number, so verify/numeric can find no answer right.`,
          value: part,
          place: dataset.place(row),
          help: 'Give a number (1234, -0.5, 3/4, \\frac{3}{4}, 50%, 9.8 m/s^2), or use verify/math, verify/exact or verify/choice.',
        }),
      );
    }
  });
  findings.throwIfAny();
}
