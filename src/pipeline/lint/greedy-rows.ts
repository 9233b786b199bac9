import { columnsOf } from '../file/flow.ts';
import type { PlacedStage } from '../file/resolve-stage.ts';
import type { Finding } from './finding.ts';
import type { Rule } from './rule.ts';

/** Greedy responses, sampled for a baseline, are not to be learnt from, compared with or counted as the others are. */
export const greedyNotDropped: Rule = ({ pipeline: { stages, evaluate } }) => {
  const flow = greedyFlow(stages);
  const trained = flow && firstTaken(flow);
  return [
    ...(flow && trained
      ? [
          finding(
            flow.sampler.placeOf(['greedy']) ?? flow.sampler.place,
            `${trained.id} (${trained.use}) takes the greedy responses of ${flow.sampler.id} with the sampled ones, and they are not samples of the policy: its update is biased.`,
            `Drop them before it, behind the baseline: sampled: { use: select/sampled }, or set greedy: false.`,
          ),
        ]
      : []),
    ...evaluate.flatMap(({ id, stages: branch, place }) => {
      const evaluated = greedyFlow(branch);
      if (!evaluated || evaluated.drop) return [];
      return [
        finding(
          place,
          `The evaluation ${id} counts the greedy response to each question among the sampled ones.`,
          `Set stages: { ${evaluated.sampler.id}: { greedy: false } } in it.`,
        ),
      ];
    }),
  ];
};

/** A baseline of greedy responses without any fails at the first step. */
export const greedyMissing: Rule = ({ pipeline: { stages } }) => {
  const sampler = stages.find(({ definition }) => definition.kind === 'map' && definition.sampling);
  if (!sampler) return [];
  const flow = greedyFlow(stages);
  return stages.flatMap((stage): Finding[] => {
    const { definition, params } = stage;
    if (definition.kind !== 'map' || !definition.readsGreedy?.(params)) return [];
    if (flow?.reached.includes(stage)) return [];
    return [
      {
        severity: 'error',
        code: 'greedy/missing',
        place: stage.place,
        message: `${stage.use} reads the greedy response to each prompt, and ${flow?.drop ? `${flow.drop.id} has dropped those` : `${sampler.id} samples none`}.`,
        help: flow?.drop
          ? `Move ${stage.id} above ${flow.drop.id}.`
          : `Set greedy: true of ${sampler.id} (${sampler.use}).`,
      },
    ];
  });
};

/** One response more to each prompt costs time, and this one for nothing. */
export const greedyUnread: Rule = ({ pipeline: { stages } }) => {
  const flow = greedyFlow(stages);
  const place = flow?.sampler.placeOf(['greedy']);
  if (!flow || !place) return [];
  const reads = (stage: PlacedStage): boolean =>
    stage.definition.kind === 'map' && columnsOf(stage).needs.includes('role');
  if (flow.reached.some(reads)) return [];
  return [
    {
      severity: 'info',
      code: 'setting/no-effect',
      place,
      message: `No stage reads the greedy responses of ${flow.sampler.id}.`,
      help: 'Set greedy: false, or add a baseline: baseline: { use: baseline/greedy }.',
    },
  ];
};

interface GreedyFlow {
  /** What samples a greedy response to each prompt, beside the others. */
  readonly sampler: PlacedStage;
  /** The stages that they reach. */
  readonly reached: readonly PlacedStage[];
  /** What drops them, where something does. */
  readonly drop: PlacedStage | undefined;
}

function greedyFlow(stages: readonly PlacedStage[]): GreedyFlow | undefined {
  const at = stages.findIndex(({ definition, params }) => {
    if (definition.kind !== 'map' || !definition.sampling || !definition.expands) return false;
    return definition.expands(params) > definition.sampling(params).samples;
  });
  const sampler = stages[at];
  if (!sampler) return undefined;
  const after = stages.slice(at + 1);
  const drop = after.findIndex(
    (stage) => stage.definition.kind === 'select' && columnsOf(stage).needs.includes('role'),
  );
  return { sampler, reached: drop < 0 ? after : after.slice(0, drop), drop: after[drop] };
}

/** The first stage that takes greedy responses for samples: an estimator that compares a group, or the update. */
function firstTaken({ reached }: GreedyFlow): PlacedStage | undefined {
  return reached.find((stage) => {
    const { needs, adds } = columnsOf(stage);
    return stage.definition.kind === 'update' || (adds.includes('advantage') && needs.includes('group'));
  });
}

function finding(place: Finding['place'], message: string, help: string): Finding {
  return { severity: 'warning', code: 'greedy/not-dropped', place, message, help };
}
