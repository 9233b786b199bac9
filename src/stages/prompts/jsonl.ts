import { RlevError, show } from '../../core/errors.ts';
import type { RawRecord } from './record.ts';

/**
 * The records of a JSON Lines text: one JSON object a line. Empty lines and carriage returns are fine.
 *
 * @param report called with a `data/syntax` error for each line that is no JSON object
 */
export function readJsonl(text: string, file: string, report: (error: RlevError) => void): RawRecord[] {
  const records: RawRecord[] = [];
  text.split('\n').forEach((line, i) => {
    if (line.trim() === '') return;
    const place = { file, line: i + 1 };
    try {
      const fields: unknown = JSON.parse(line);
      if (typeof fields === 'object' && fields !== null && !Array.isArray(fields)) {
        records.push({ fields: fields as RawRecord['fields'], place });
        return;
      }
      report(
        new RlevError({
          code: 'data/syntax',
          message: 'A line must be one JSON object.',
          value: show(fields),
          place,
        }),
      );
    } catch (cause) {
      const reason = (cause as SyntaxError).message;
      const position = /at position (\d+)/.exec(reason)?.[1];
      report(
        new RlevError({
          code: 'data/syntax',
          message: `This line is not JSON: ${show(line.trim(), 60)}.`,
          value: line,
          place: position === undefined ? place : { ...place, column: Number(position) + 1 },
          help: /\b(NaN|Infinity)\b/.test(line)
            ? 'JSON has no NaN and no Infinity: give every number a finite value.'
            : reason,
          cause,
        }),
      );
    }
  });
  return records;
}
