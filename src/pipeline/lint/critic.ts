import { criticUse } from '../file/critic.ts';
import type { Finding } from './finding.ts';
import type { Rule } from './rule.ts';

/** Values of a critic that no update trains stay what they were at the start: 0, where it began as the policy. */
export const untrainedCritic: Rule = ({ pipeline, alternatives }) => {
  const { stages, policy } = pipeline;
  const update = stages.find(({ definition }) => definition.kind === 'update');
  if (!policy?.critic || !update || stages.some((stage) => criticUse(stage) === 'trains')) return [];
  const from = policy.critic.from;
  const able = alternatives.filter((d) => d.kind === 'update' && d.trainsCritic).map((d) => d.name);
  const help =
    update.definition.kind === 'update' && update.definition.trainsCritic
      ? `Add critic: {} to the parameters of ${update.id}, which then trains it on the returns.`
      : `Take an update that trains a critic: ${able.join(', ')}.`;
  return stages.flatMap((stage): Finding[] => {
    if (criticUse(stage) !== 'reads') return [];
    const values =
      from === undefined
        ? 'and one that begins as the policy gives every token the value 0'
        : `and its values stay those of ${from}`;
    return [
      {
        severity: 'warning',
        code: 'critic/untrained',
        place: stage.placeOf(['use']) ?? stage.place,
        message: `${stage.use} asks a critic that no update trains, ${values}.`,
        help,
      },
    ];
  });
};

/** A critic that no stage asks costs the memory of a second model, and changes nothing. */
export const unusedCritic: Rule = ({ pipeline: { stages, policy, evaluate, source } }) => {
  if (!policy?.critic) return [];
  const all = [...stages, ...evaluate.flatMap((branch) => branch.stages)];
  if (all.some((stage) => criticUse(stage) === 'reads')) return [];
  return [
    {
      severity: 'warning',
      code: 'critic/unused',
      place: source.placeOfKey(['policy', 'critic']),
      message: 'The critic has no effect: no stage asks it for values.',
      help: 'Add annotate/values and advantage/gae, or take the critic out.',
    },
  ];
};
