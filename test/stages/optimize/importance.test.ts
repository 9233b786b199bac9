import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { raggedFloat32 } from '../../../src/core/columns.ts';
import { importanceCorrection, importanceSchema } from '../../../src/stages/optimize/importance.ts';
import { importanceMetrics } from '../../../src/stages/optimize/importance-metrics.ts';

interface Case {
  readonly id: string;
  readonly params: {
    readonly level?: string;
    readonly threshold?: number | string;
    readonly batch_normalize?: boolean;
    readonly rejection?: string;
    readonly rejection_threshold?: string;
  };
  readonly logprobs: number[][];
  readonly rollout_logprobs: number[][];
  readonly mask: number[][];
  readonly expected_weights: number[][] | null;
  readonly expected_mask: number[][];
  readonly expected_metrics: Readonly<Record<string, number>>;
}

const read = (name: string): Case[] => JSON.parse(readFileSync(`fixtures/reference/${name}`, 'utf8'));
const cases = read('is_correction.json');
const more = read('is_correction_more.json');

/** `0.5_2.0` in the reference is [0.5, 2] here. */
const bound = (text: string): unknown =>
  text.includes('_') ? text.split('_').map((x) => Number(x)) : Number(text);

function settingsOf({ params }: Case): unknown {
  const { level, threshold, batch_normalize: normalize, rejection, rejection_threshold: keep } = params;
  const bounds = keep?.split(',') ?? [];
  return {
    ...(level && { level }),
    threshold: threshold === undefined ? 'none' : bound(String(threshold)),
    ...(normalize !== undefined && { normalize }),
    ...(rejection && {
      reject: rejection.split(',').map((name, i) => ({
        use: name.replace('seq_', '').replace('_', '-'),
        keep: bound(bounds.length === 1 ? bounds[0]! : bounds[i]!),
      })),
    }),
  };
}

function expectCase(example: Case): void {
  const { weights, mask } = importanceCorrection(
    raggedFloat32(example.logprobs),
    raggedFloat32(example.rollout_logprobs),
    Float32Array.from(example.mask.flat()),
    importanceSchema.parse(settingsOf(example)),
  );
  expect(Array.from(mask), example.id).to.deep.equal(example.expected_mask.flat());
  if (!example.expected_weights) {
    expect(weights, example.id).to.equal(undefined);
    return;
  }
  for (const [t, expected] of example.expected_weights.flat().entries()) {
    const off = Math.abs(weights![t]! - expected) / Math.max(1, expected);
    expect(off, `${example.id}, token ${t}`).to.be.at.most(2e-6);
  }
}

describe('optimize/policy-gradient, importance', () => {
  for (const example of cases) {
    it(`gives the weights and the mask of ${example.id}`, () => expectCase(example));
  }

  it(`gives the weights and the masks of ${more.length} more cases: holes, masked rows, ratios beyond e^20`, () => {
    for (const example of more) expectCase(example);
  });

  it('drops by a weight of 0, where what is dropped is still to be counted', () => {
    const trainer = raggedFloat32([[-1, -1], [-1]]);
    const sampler = raggedFloat32([[-3, -1], [-1]]);
    const correct = (settings: object) =>
      importanceCorrection(trainer, sampler, Float32Array.of(1, 1, 1), importanceSchema.parse(settings));
    const reject = [{ use: 'token-k2', keep: 1, counted: true }];
    const alone = correct({ threshold: 'none', reject });
    expect([Array.from(alone.weights!), Array.from(alone.mask)]).to.deep.equal([
      [0, 1, 1],
      [1, 1, 1],
    ]);
    const weighed = correct({ threshold: 'unbounded', reject: [{ use: 'sum-k1', keep: 2, counted: true }] });
    expect(Array.from(weighed.weights!)).to.deep.equal([0, 0, 1]);
    expect(correct({ threshold: 'unbounded' }).weights![0]).to.be.closeTo(Math.exp(2), 1e-5);
  });

  it('says of the weights and of the sampler what verl does', () => {
    const theirs = {
      importance_mean: 'rollout_is_mean',
      importance_std: 'rollout_is_std',
      importance_ess: 'rollout_is_eff_sample_size',
      sampler_kl: 'kl',
    };
    // Of sequences verl takes these by rows, before bounding.
    const ofTokens = {
      importance_min: 'rollout_is_min',
      importance_max: 'rollout_is_max',
      importance_high: 'rollout_is_ratio_fraction_high',
      importance_low: 'rollout_is_ratio_fraction_low',
    };
    for (const example of [...cases, ...more]) {
      const settings = importanceSchema.parse(settingsOf(example));
      const [old, sampled] = [raggedFloat32(example.logprobs), raggedFloat32(example.rollout_logprobs)];
      const metrics = importanceMetrics(old, sampled, Float32Array.from(example.mask.flat()), settings);
      const names = { ...theirs, ...(settings.level === 'token' && ofTokens) };
      for (const [ours, name] of Object.entries(names)) {
        const expected = example.expected_metrics[name];
        if (expected === undefined) continue;
        // verl adds 1e-8 to the mean, and so has an effective size of 34 where all weights are that small.
        if (ours === 'importance_ess' && metrics.importance_mean! < 1e-3) continue;
        const off = Math.abs(metrics[ours]! - expected) / Math.max(1, Math.abs(expected));
        // The same 1e-8 makes a spread of up to 1e-4 where there is none.
        const within = ours === 'importance_std' ? 1e-4 : 3e-6;
        expect(off, `${example.id}: ${ours} ${metrics[ours]} for ${expected}`).to.be.at.most(within);
      }
    }
  });

  it('says nothing where no token counts', () => {
    const two = raggedFloat32([[-1, -2]]);
    expect(importanceMetrics(two, two, new Float32Array(2), importanceSchema.parse({}))).to.deep.equal({});
  });

  it('refuses bounds that cannot be meant', () => {
    for (const wrong of [
      { threshold: 0 },
      { threshold: [2, 0.5] },
      { reject: [{ use: 'token-k1', keep: 0.5 }] },
      { threshold: 'any' },
      { reject: [{ use: 'mean-k3', keep: [0.5, 2] }] },
      { level: 'row' },
    ]) {
      expect(importanceSchema.safeParse(wrong).success, JSON.stringify(wrong)).to.equal(false);
    }
  });
});
