import { z } from 'zod';
import { defineMap } from '../../core/stage.ts';

/**
 * v(x) = s_ij / T_i: the points of a question over the full marks of its paper.
 *
 * Source: RLEV, arXiv 2510.20187.
 *
 * @param points float64 [rows], 0 or more
 * @param totals float64 [rows], above 0
 * @returns float64 [rows] in [0, 1]
 */
export function pointValues(points: Float64Array, totals: Float64Array): Float64Array {
  return points.map((p, i) => p / totals[i]!);
}

export const points = defineMap({
  name: 'value/points',
  summary: 'Value of a question: its points over the full marks of its paper.',
  formula: 'v(x) = points / exam_total',
  source: 'RLEV, arXiv 2510.20187',
  example: 'value: { use: value/points }',
  params: z.strictObject({}),
  needs: () => ['points', 'exam_total'],
  derived: true,
  adds: () => ['value'],
  create: () => ({ run: ({ points, exam_total }) => ({ value: pointValues(points, exam_total) }) }),
});
