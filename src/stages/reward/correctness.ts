import { z } from 'zod';
import { defineMap } from '../../core/stage.ts';

export const correctness = defineMap({
  name: 'reward/correctness',
  summary: 'Reward of a response: its correctness, whatever the question is worth (the RLVR baseline).',
  formula: 'r(x, y) = correct(x, y); s(x) = 1',
  source: 'reinforcement learning with verifiable rewards (RLVR), the baseline of arXiv 2510.20187',
  example: 'reward: { use: reward/correctness }',
  params: z.strictObject({}),
  needs: () => ['correct'],
  derived: true,
  adds: () => ['scale', 'reward'],
  create: () => ({
    run: ({ correct }) => ({
      scale: new Float64Array(correct.length).fill(1),
      reward: Float64Array.from(correct),
    }),
  }),
});
