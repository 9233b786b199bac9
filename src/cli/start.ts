import { version } from '../core/version.ts';

/** What `rlev` alone prints. */
export function welcome(): string {
  return `rlev ${version}: reinforcement learning of language models that knows what each question is worth.

  npx rlev train pipelines/rlev.yaml        train a small policy on an exam, in 1 to 2 minutes
  npx rlev resume runs/rlev                 go on with a run that was stopped
  npx rlev eval --policy runs/rlev/checkpoints/000060 --data fixtures/exams/heldout.jsonl
                                            grade a policy
  npx rlev replay runs/rlev --set stages.advantage.use=advantage/reinforce++
                                            another estimator over the same rollouts, nothing sampled
  npx rlev lint pipelines/rlev.yaml         find every mistake in a pipeline before it runs
  npx rlev stages                           what there is to build pipelines of

A pipeline is a YAML file of stages; begin with pipelines/rlev.yaml. Every command explains itself: npx rlev train --help
`;
}
