import { type Place, RlevError, show } from '../../core/errors.ts';
import type { Findings } from '../findings.ts';
import { type Question, questionFields } from './record.ts';

const pattern = /\{\{|\}\}|\{([\p{L}_][\p{L}\p{N}_.-]*)\}/gu;

/**
 * The prompts of questions by a template: `{field}` is the field of that name, `{{` and `}}` are braces, and a pair of
 * braces around anything else is left as it is.
 *
 * @param place where the template stands in the pipeline file
 * @param findings takes a `data/value` error for each question that lacks a field of the template
 * @throws RlevError `config/unknown-key` for a field that no question has, `config/type` for a brace without its other
 *   one or a template that names no field
 */
export function fillTemplate(
  template: string,
  questions: readonly Question[],
  place: Place,
  findings: Findings,
): string[] {
  checkBraces(template, place);
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
  if (![...template.matchAll(pattern)].some(([, field]) => field !== undefined)) {
    throw new RlevError({
      code: 'config/type',
      message: `The template ${show(template)} names no field: every prompt would be the same.`,
      value: template,
      place,
      help: 'Write {question} where the text of the question is to stand; {{ and }} are braces.',
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

function checkBraces(template: string, place: Place): void {
  let open = 0;
  const closesNone = [...template.replace(pattern, '')].some((sign) => {
    open += sign === '{' ? 1 : sign === '}' ? -1 : 0;
    return open < 0;
  });
  if (open === 0) return;
  const [brace, other] = closesNone ? ['}', '{'] : ['{', '}'];
  throw new RlevError({
    code: 'config/type',
    message: `The template ${show(template)} has a ${brace} without its ${other}.`,
    value: template,
    place,
    help: `A field is {question}; write ${brace}${brace} for the sign ${brace} itself.`,
  });
}
