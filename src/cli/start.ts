import { version } from '../core/version.ts';

/** What `rlev` alone prints. */
export function welcome(): string {
  return `rlev ${version}: reinforcement learning of language models that knows what each question is worth.

  rlev train pipelines/rlev.yaml            train a small policy on an exam, about 2 minutes
  rlev train pipelines/rlev.yaml --set stages.advantage.use=advantage/grpo
                                            the same with another estimator
  rlev eval --policy runs/rlev/checkpoints/000060 --data fixtures/exams/heldout.jsonl
                                            grade a policy
  rlev lint pipelines/rlev.yaml             find every mistake in a pipeline before it runs
  rlev explain pipelines/rlev.yaml          what each of its stages does, and where each value came from

A pipeline is a YAML file of stages; begin with pipelines/rlev.yaml. Every command explains itself: rlev train --help
`;
}
