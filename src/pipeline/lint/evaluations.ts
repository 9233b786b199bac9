import { resolve as resolvePath } from 'node:path';
import { didYouMean } from '../../core/did-you-mean.ts';
import { changePolicy } from '../../core/stage.ts';
import { columnsOf } from '../file/flow.ts';
import type { PlacedStage } from '../file/resolve-stage.ts';
import { pathKeys } from '../file/schema.ts';
import { evaluationColumns } from '../run/evaluation.ts';
import type { Finding } from './finding.ts';
import type { Rule } from './rule.ts';

/** A policy that is asked what it was trained on shows what it remembers. */
export const evaluatesTrainingData: Rule = ({ pipeline }) => {
  const [source] = pipeline.stages;
  if (!source || !changePolicy(pipeline.stages)) return [];
  const trained = filesOf(source, pipeline.base);
  return pipeline.evaluate.flatMap(({ id, stages }): Finding[] => {
    const [asked] = stages;
    const same =
      asked && filesOf(asked, pipeline.base).find(({ file }) => trained.some((t) => t.file === file));
    if (!same) return [];
    const own = pipeline.source.at(['evaluate', id, 'stages', asked.id, same.key]) !== undefined;
    return [
      {
        severity: 'warning',
        code: 'evaluate/training-data',
        place: own
          ? pipeline.source.placeOf(['evaluate', id, 'stages', asked.id, same.key])
          : pipeline.source.placeOfKey(['evaluate', id]),
        message: `The evaluation ${id} asks the questions of ${same.written}, which training reads too: it measures what was learnt by heart.`,
        help: `Name a file of other questions: stages: { ${asked.id}: { ${same.key}: ... } }.`,
      },
    ];
  });
};

/** A select that reads the verdicts leaves questions of which the accuracy is known beforehand. */
export const evaluatesSelection: Rule = ({ pipeline: { evaluate, source } }) =>
  evaluate.flatMap(({ id, stages }): Finding[] =>
    stages.flatMap((stage): Finding[] => {
      if (stage.definition.kind !== 'select' || !columnsOf(stage).needs.includes('correct')) return [];
      return [
        {
          severity: 'warning',
          code: 'evaluate/selects',
          place: source.placeOfKey(['evaluate', id]),
          message: `The evaluation ${id} passes through ${stage.id} (${stage.use}), which drops questions by their verdicts: what is left does not measure the policy.`,
          help: `Take the stage out of it: stages: { ${stage.id}: remove }.`,
        },
      ];
    }),
  );

/** An evaluation that says nothing of sampling inherits that of training: noise, and several times the work. */
export const evaluatesAsTraining: Rule = ({ pipeline: { stages, evaluate, source } }) => {
  if (!changePolicy(stages)) return [];
  return evaluate.flatMap(({ id, stages: branch }): Finding[] => {
    const sampler = branch.find(({ definition }) => definition.kind === 'map' && definition.sampling);
    if (sampler?.definition.kind !== 'map') return [];
    const { samples, temperature } = sampler.definition.sampling!(sampler.params);
    const own = source.at(['evaluate', id, 'stages', sampler.id]) !== undefined;
    if (own || samples === 1) return [];
    return [
      {
        severity: 'info',
        code: 'evaluate/as-training',
        place: source.placeOfKey(['evaluate', id]),
        message: `The evaluation ${id} takes ${samples} responses to each question at temperature ${temperature}, because training does: ${samples} times the work, and what it measures varies with the draw.`,
        help: `Say how it shall sample: stages: { ${sampler.id}: { samples: 1, temperature: 0 } }.`,
      },
    ];
  });
};

/** Reports of an evaluation read these columns; a branch that ends before them fails at its first evaluation. */
export const evaluationLacksColumns: Rule = ({ pipeline }) =>
  pipeline.evaluate.flatMap(({ id, stages }): Finding[] => {
    const through = pipeline.source.at(['evaluate', id, 'through']) as string;
    // A stage with an error of its own is not among them, and what it would add is not known.
    if (stages.length <= pipeline.source.keysAt(['stages']).indexOf(through)) return [];
    const there = stages.flatMap((stage) => columnsOf(stage).adds as readonly string[]);
    const missing = evaluationColumns.filter((column) => !there.includes(column));
    if (missing.length === 0) return [];
    const later = pipeline.stages.findLast((stage) =>
      columnsOf(stage).adds.some((column) => (missing as readonly string[]).includes(column)),
    );
    return [
      {
        severity: 'error',
        code: 'config/columns',
        place: pipeline.source.placeOf(['evaluate', id, 'through']),
        message: `The evaluation ${id} ends before ${missing.map((c) => `\`${c}\``).join(', ')} ${missing.length > 1 ? 'are' : 'is'} added, and its report needs ${missing.length > 1 ? 'them' : 'it'}.`,
        help: later ? `Set through: ${later.id}.` : didYouMean(missing[0]!, there),
      },
    ];
  });

function filesOf(
  { definition, params }: PlacedStage,
  base: string,
): { key: string; file: string; written: string }[] {
  const given = params as Readonly<Record<string, unknown>>;
  return pathKeys(definition.params).flatMap((key) => {
    const written = given[key];
    return typeof written === 'string' ? [{ key, written, file: resolvePath(base, written) }] : [];
  });
}
