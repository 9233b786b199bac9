import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { raggedFloat32 } from '../../../src/core/columns.ts';
import { importanceCorrection, importanceSchema } from '../../../src/stages/optimize/importance.ts';

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
}

const cases: Case[] = JSON.parse(readFileSync('fixtures/reference/is_correction.json', 'utf8'));

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
        keep: bound(bounds[i]!),
      })),
    }),
  };
}

describe('optimize/policy-gradient, importance', () => {
  for (const example of cases) {
    it(`gives the weights and the mask of ${example.id}`, () => {
      const { weights, mask } = importanceCorrection(
        raggedFloat32(example.logprobs),
        raggedFloat32(example.rollout_logprobs),
        Float32Array.from(example.mask.flat()),
        importanceSchema.parse(settingsOf(example)),
      );
      expect(Array.from(mask)).to.deep.equal(example.expected_mask.flat());
      if (!example.expected_weights) {
        expect(weights).to.equal(undefined);
        return;
      }
      for (const [t, expected] of example.expected_weights.flat().entries()) {
        expect(Math.abs(weights![t]! - expected) / Math.max(1, expected), `token ${t}`).to.be.at.most(2e-6);
      }
    });
  }

  it('refuses bounds that cannot be meant', () => {
    for (const wrong of [
      { threshold: 0 },
      { threshold: [2, 0.5] },
      { reject: [{ use: 'token-k1', keep: 0.5 }] },
      { reject: [{ use: 'mean-k3', keep: [0.5, 2] }] },
      { level: 'row' },
    ]) {
      expect(importanceSchema.safeParse(wrong).success, JSON.stringify(wrong)).to.equal(false);
    }
  });
});
