import type { Finding } from './finding.ts';
import type { Part, Rule, RuleContext } from './rule.ts';

/** With one update on what the policy has just sampled, the ratio of new to old probability is 1 at every token. */
export const ratioWithoutEffect: Rule = (context) =>
  context.parts.flatMap((part): Finding[] => {
    if (part.definition.ofRatio === undefined || !isOnPolicy(part, context)) return [];
    const set = part.definition.ofRatio.flatMap((key) => {
      const place = part.stage.placeOf([...part.path, key]);
      return place ? [{ key, place }] : [];
    });
    return set.map(({ key, place }) => ({
      severity: 'info',
      code: 'setting/no-effect',
      place,
      message: `${key} of ${part.use} has no effect: with one update on each cohort and inFlight 1, the policy that is updated is the one that sampled, and their ratio is 1.`,
      help: 'Nothing is wrong. It acts from epochs: 2, miniBatches: 2 or inFlight: 2 on.',
    }));
  });

/** A loss without that ratio is right for one update on fresh responses only. */
export const updateWithoutRatio: Rule = (context) =>
  context.parts.flatMap((part): Finding[] => {
    const { needs } = part.definition;
    if (!needs.includes('advantage') || needs.includes('oldLogprobs')) return [];
    const updates = updatesOf(part);
    if (updates === undefined || isOnPolicy(part, context)) return [];
    const { inFlight } = context.pipeline.run;
    const why =
      updates > 1
        ? `each cohort is updated on ${updates} times, and from the second the policy is no longer the one that sampled`
        : `with inFlight ${inFlight} responses are up to ${inFlight - 1} ${inFlight === 2 ? 'policy' : 'policies'} old`;
    return [
      {
        severity: 'warning',
        code: 'update/no-ratio',
        place: part.stage.placeOf([...part.path, 'use']) ?? part.stage.place,
        message: `${part.use} has no ratio to the policy that sampled: ${why}, so its gradient is biased.`,
        help: 'Take loss/ppo-clip, or epochs: 1, miniBatches: 1 and inFlight: 1.',
      },
    ];
  });

function isOnPolicy(part: Part, { pipeline }: RuleContext): boolean {
  return updatesOf(part) === 1 && pipeline.run.inFlight === 1;
}

function updatesOf({ stage: { definition, params } }: Part): number | undefined {
  return definition.kind === 'update' ? definition.updates?.(params) : undefined;
}
