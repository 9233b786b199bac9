import { z } from 'zod';
import { defineSelect } from '../../core/stage.ts';

export const sampled = defineSelect({
  name: 'select/sampled',
  summary: 'Drops greedy responses, which are there for a baseline and not to learn from.',
  formula: 'keeps the rows of the role `sample`',
  example: 'sampled: { use: select/sampled }',
  params: z.strictObject({}),
  needs: () => ['row_id', 'role'],
  create: () => ({
    run: ({ row_id, role }) => ({ keep: row_id.filter((_, i) => role[i] === 'sample') }),
  }),
});
