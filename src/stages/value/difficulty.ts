import { z } from 'zod';
import type { ColumnName } from '../../core/columns.ts';
import { didYouMean } from '../../core/did-you-mean.ts';
import { RlevError, show } from '../../core/errors.ts';
import { defineMap } from '../../core/stage.ts';
import { Findings } from '../findings.ts';
import { cellsOf } from './cells.ts';

export const difficulty = defineMap({
  name: 'value/difficulty',
  summary: 'Value of a question by its label: a school grade, or easy, medium, hard.',
  formula: 'v(x) = values[column(x)]',
  source: 'of this package',
  example:
    'value: { use: value/difficulty, column: data.level, values: { easy: 0.02, medium: 0.05, hard: 0.1 } }',
  params: z.strictObject({
    column: z.string().min(1).describe('Column with the label of each question: `data.level`.'),
    values: z
      .record(z.string(), z.number().min(0))
      .refine((values) => Object.keys(values).length > 0, 'values has a label at least')
      .describe('What a question of each label is worth, 0 or more.'),
  }),
  needs: ({ column }): readonly ColumnName[] => [column as ColumnName],
  adds: () => ['value'],
  create: ({ column, values }, setup) => ({
    /** @throws RlevErrors `data/value` with the line of each question whose label is missing or has no value */
    prepare(dataset) {
      const labels = cellsOf(dataset, column, setup);
      const findings = new Findings();
      labels.forEach((label, row) => {
        if (label !== null && Object.hasOwn(values, String(label))) return;
        findings.add(
          new RlevError({
            code: 'data/value',
            message:
              label === null
                ? `${column} is missing.`
                : `${column} is ${show(label)}, which no value is given for.`,
            value: label,
            place: dataset.place(row),
            help: didYouMean(String(label ?? ''), Object.keys(values)),
          }),
        );
      });
      findings.throwIfAny();
      const there = new Set(labels.map(String));
      const unused = Object.keys(values).filter((label) => !there.has(label));
      if (unused.length > 0)
        setup.notice(`No question has ${unused.map((label) => show(label)).join(' or ')} as its ${column}.`);
    },
    run: (columns) => {
      const labels = columns[column as ColumnName] as ArrayLike<unknown>;
      return { value: Float64Array.from(labels, (label) => values[String(label)]!) };
    },
  }),
});
