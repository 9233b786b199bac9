import { inspect } from 'node:util';
import { z } from 'zod';
import { RlevError, reasonOf } from '../../core/errors.ts';
import { defineMap, type MapDefinition } from '../../core/stage.ts';

type NoParams = Readonly<Record<string, never>>;

/** What may be said of a scale of one's own. All of it may be left out. */
export interface ScaleOptions<P> {
  /** What it does, in one sentence: for the catalogue. */
  readonly summary?: string;
  /** In v, for `rlev values` and lint: `1 + log(1 + v)`. */
  readonly formula?: string;
  /** `z.strictObject({ ... })`: parameters as they stand in the pipeline file. Default: none. */
  readonly params?: z.ZodType<P>;
}

/**
 * A scale of one's own: s(x) as a function of v(x), a finite number, 0 or more. Adds `scale`, and `reward`, which is
 * s(x) * correct. It is asked before a run too, by lint and by `rlev values`: the same value must always give the same s.
 *
 * ```ts
 * export const steep = scale((v, { k }) => 1 + Math.tanh(k * v), {
 *   formula: '1 + tanh(k v)',
 *   params: z.strictObject({ k: z.number().gt(0).default(10).describe('How steeply it rises at 0.') }),
 * });
 * ```
 *
 * A result that is no such number ends the run as `stage/contract`, what the function throws as `stage/failed`.
 */
export function scale<P = NoParams>(
  scaleOf: (value: number, params: P) => number,
  options: ScaleOptions<P> = {},
): MapDefinition<P, 'value' | 'correct', 'scale' | 'reward'> {
  const { summary = 'Reward of a response: its correctness times a scale of its own.', formula } = options;
  return defineMap({
    name: 'reward/own-scale',
    summary,
    ...(formula !== undefined && { formula: `r(x, y) = s(x) * correct(x, y), s(x) = ${formula}` }),
    params: (options.params ?? z.strictObject({})) as z.ZodType<P>,
    needs: () => ['value', 'correct'],
    adds: () => ['scale', 'reward'],
    scalesReward: (params) => ({
      formula: formula ?? 'f(v)',
      of: (value) => checked(scaleOf, value, params),
    }),
    create: (params) => ({
      run: ({ value, correct }) => {
        const scales = value.map((v) => checked(scaleOf, v, params));
        return { scale: scales, reward: scales.map((s, i) => s * correct[i]!) };
      },
    }),
  });
}

function checked<P>(scaleOf: (value: number, params: P) => number, value: number, params: P): number {
  let s: unknown;
  try {
    s = scaleOf(value, params);
  } catch (cause) {
    if (cause instanceof RlevError) throw cause;
    throw new RlevError({
      code: 'stage/failed',
      message: `Its scale of the value ${value}: ${reasonOf(cause)}`,
      value,
      cause,
    });
  }
  if (typeof s === 'number' && s >= 0 && s < Infinity) return s;
  throw new RlevError({
    code: 'stage/contract',
    message: `Its function returned ${inspect(s)} as the scale of the value ${value}.`,
    value: s,
    help: 'It must return a finite number, 0 or more, and not a promise.',
  });
}
