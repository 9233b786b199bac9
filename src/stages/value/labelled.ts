import { type Place, RlevError, show } from '../../core/errors.ts';
import { Findings } from '../findings.ts';
import { bytesOf, recordsIn } from '../prompts/read-records.ts';
import type { RawRecord } from '../prompts/record.ts';

/** Questions of known value. */
export interface Labelled {
  readonly texts: readonly string[];
  /** float64 [texts], 0 or more. */
  readonly values: Float64Array;
}

export interface LabelledFields {
  /** Field of the text. */
  readonly text: string;
  /** Field of the value; without it, points / exam_total. */
  readonly label?: string | undefined;
}

const fewest = 10;

/**
 * Labelled questions of a file.
 *
 * @param place of what names the file
 * @throws RlevErrors `data/value` with the line of each that has no text, or no number of 0 or more; RlevError
 *   `data/missing-file`, `data/syntax`, and `data/empty` for fewer than 10 questions
 */
export async function readLabelled(file: string, fields: LabelledFields, place: Place): Promise<Labelled> {
  const bytes = await bytesOf(file, place);
  const findings = new Findings();
  const records = recordsIn(bytes, file, (error) => findings.add(error));
  const texts = records.map((record) => textOf(record, fields, findings));
  const values = Float64Array.from(records, (record) => worthOf(record, fields, findings));
  findings.throwIfAny();
  if (records.length >= fewest) return { texts, values };
  throw new RlevError({
    code: 'data/empty',
    message: `${records.length} labelled questions are too few to learn from; it takes ${fewest}.`,
    value: records.length,
    place: { file },
    help: 'Label more questions, or map labels to values by value/difficulty.',
  });
}

function textOf({ fields, place }: RawRecord, { text }: LabelledFields, findings: Findings): string {
  const found = fields[text];
  if (typeof found === 'string' && found.trim() !== '') return found;
  findings.add(
    wrong(text, found, 'text', place, 'Give the text of the question, or name its field by `text:`.'),
  );
  return '';
}

function worthOf({ fields, place }: RawRecord, { label }: LabelledFields, findings: Findings): number {
  const number = (field: string, least: number): number => {
    const found = fields[field];
    if (typeof found === 'number' && found >= least && found < Infinity) return found;
    const help = 'Give what the question is worth, or name its field by `label:`.';
    findings.add(wrong(field, found, `a finite number, ${least > 0 ? 'above 0' : '0 or more'}`, place, help));
    return NaN;
  };
  return label === undefined
    ? number('points', 0) / number('exam_total', Number.MIN_VALUE)
    : number(label, 0);
}

function wrong(field: string, found: unknown, what: string, place: Place, help: string): RlevError {
  const is = found === undefined || found === null ? 'is missing' : `is ${show(found)}, not ${what}`;
  return new RlevError({ code: 'data/value', message: `${field} ${is}.`, value: found, place, help });
}
