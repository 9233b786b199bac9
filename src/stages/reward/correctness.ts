import { z } from 'zod';
import { defineMap } from '../../core/stage.ts';

export const correctness = defineMap({
  name: 'reward/correctness',
  summary: 'Reward of a response: its correctness, whatever the question is worth (the RLVR baseline).',
  params: z.strictObject({}),
  needs: () => ['correct'],
  adds: () => ['scale', 'reward'],
  create: () => ({
    run: ({ correct }) => ({
      scale: new Float64Array(correct.length).fill(1),
      reward: Float64Array.from(correct),
    }),
  }),
});
