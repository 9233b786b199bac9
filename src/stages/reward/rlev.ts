import { z } from 'zod';
import { defineMap, type ValueScale } from '../../core/stage.ts';

/** Steepness, power and largest share of value in the scale. */
export interface ScaleForm {
  readonly alpha: number;
  readonly power: number;
  /** `Infinity` for none. */
  readonly clip: number;
}

/**
 * s = 1 + min(alpha * v^power, clip).
 *
 * Source: RLEV, arXiv 2510.20187, with alpha 10, power 1 and clip 1: a question worth a tenth of its paper or more has
 * s = 2. A power below 1 tells small values apart, above 1 large ones.
 *
 * @param value v(x), 0 or more
 * @returns in [1, 1 + clip]
 */
export function rlevScale(value: number, { alpha, power, clip }: ScaleForm): number {
  return 1 + Math.min(alpha * (power === 1 ? value : value ** power), clip);
}

const params = z.strictObject({
  alpha: z.number().min(0).default(10).describe('How steeply the scale rises with value.'),
  clip: z
    .union([z.number().min(0), z.literal('none')])
    .default(1)
    .describe('Most that value adds to the scale of 1; or `none`.'),
  power: z
    .number()
    .gt(0)
    .optional()
    .describe('Of the value, by default 1: below 1 it tells small values apart, above 1 large ones.'),
});

export const rlev = defineMap({
  name: 'reward/rlev',
  summary: 'Reward of a response: s(x) = 1 + min(alpha * v(x)^power, clip) times its correctness.',
  formula: 'r(x, y) = s(x) * correct(x, y), s(x) = 1 + min(alpha * v(x)^power, clip)',
  source: 'RLEV, arXiv 2510.20187, with alpha 10, power 1 and clip 1',
  example: 'reward: { use: reward/rlev, alpha: 10 }',
  params,
  needs: () => ['value', 'correct'],
  derived: true,
  adds: () => ['scale', 'reward'],
  scalesReward: (params) => scaleOf(formOf(params)),
  create: (params) => {
    const form = formOf(params);
    return {
      run: ({ value, correct }) => {
        const scale = value.map((v) => rlevScale(v, form));
        return { scale, reward: scale.map((s, i) => s * correct[i]!) };
      },
    };
  },
});

function formOf({ alpha, clip, power = 1 }: z.infer<typeof params>): ScaleForm {
  return { alpha, power, clip: clip === 'none' ? Infinity : clip };
}

function scaleOf(form: ScaleForm): ValueScale {
  const { alpha, power, clip } = form;
  const term = `${alpha} v${power === 1 ? '' : `^${power}`}`;
  const rises = alpha > 0 && clip > 0;
  return {
    formula: clip === Infinity ? `1 + ${term}` : `1 + min(${term}, ${clip})`,
    of: (value) => rlevScale(value, form),
    ...(rises ? clip < Infinity && { ceiling: 1 + clip } : { ceiling: 1 }),
    fitting: (largest) =>
      rises && clip < Infinity && largest > 0 ? { alpha: roundedDown(clip / largest ** power) } : undefined,
  };
}

/** To two digits, never up. */
function roundedDown(x: number): number {
  const near = Number(x.toPrecision(2));
  if (near <= x) return near;
  return Number((near - 10 ** (Math.floor(Math.log10(near)) - 1)).toPrecision(2));
}
