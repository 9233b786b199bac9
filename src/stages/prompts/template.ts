import { type Place, RlevError, show } from '../../core/errors.ts';
import type { Findings } from '../findings.ts';
import { type Question, questionFields } from './record.ts';

const pattern = /\{\{|\}\}|\{([\p{L}_][\p{L}\p{N}_.-]*)\}/gu;

/**
 * The prompts of questions by a template: `{field}` is the field of that name, `{{` and `}}` are braces, and braces
 * around anything else are left as they are.
 *
 * @param place where the template stands in the pipeline file
 * @param findings takes a `data/value` error for each question that lacks a field of the template
 * @throws RlevError `config/unknown-key` for a field that no question has
 */
export function fillTemplate(
  template: string,
  questions: readonly Question[],
  place: Place,
  findings: Findings,
): string[] {
  const fields = new Set<string>([...questionFields, ...questions.flatMap((q) => Object.keys(q.data))]);
  for (const [, field] of template.matchAll(pattern)) {
    if (field === undefined || fields.has(field)) continue;
    throw new RlevError({
      code: 'config/unknown-key',
      message: `The template ${show(template)} names {${field}}, which no record of the data has.`,
      value: field,
      place,
      help: `The records have: ${[...fields].join(', ')}. Write {{${field}}} for the text {${field}} itself.`,
    });
  }
  return questions.map((question) =>
    template.replace(pattern, (whole, field: string | undefined) => {
      if (field === undefined) return whole[0]!;
      const value = Object.hasOwn(question.data, field)
        ? question.data[field]
        : question[field as keyof Question];
      if (value === undefined || value === null) {
        findings.add(
          new RlevError({
            code: 'data/value',
            message: `Question ${show(question.id)} has no ${field}, which the template names.`,
            place: question.place,
            help: 'Give the field in every record, or take it out of the template.',
          }),
        );
        return '';
      }
      return typeof value === 'object' ? JSON.stringify(value) : String(value);
    }),
  );
}
