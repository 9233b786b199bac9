import { expect } from 'chai';
import { raggedFloat32 } from '../../../src/core/columns.ts';
import { importanceRatios } from '../../../src/pipeline/replay/off-policy.ts';

describe('pipeline/off-policy', () => {
  it('counts all responses where the policies are one', () => {
    const logprobs = raggedFloat32([[-1, -2], [-0.5], [-3, -1, -1]]);
    expect(importanceRatios(logprobs, logprobs)).to.deep.equal({
      responses: 3,
      ratio_mean: 1,
      ratio_max: 1,
      effective_samples: 3,
      effective_share: 1,
    });
  });

  it('takes the ratio of whole responses: w = 2 and 1/2 are worth 25/17 responses', () => {
    const now = raggedFloat32([[Math.log(0.5), Math.log(0.8)], [Math.log(0.25)]]);
    const then = raggedFloat32([[Math.log(0.25), Math.log(0.8)], [Math.log(0.5)]]);
    const { ratio_mean, ratio_max, effective_samples, effective_share } = importanceRatios(now, then);
    expect(ratio_mean).to.be.closeTo(1.25, 1e-6);
    expect(ratio_max).to.be.closeTo(2, 1e-6);
    expect(effective_samples).to.be.closeTo(25 / 17, 1e-6);
    expect(effective_share).to.be.closeTo(25 / 34, 1e-6);
  });

  it('stays finite where the policies have nothing in common', () => {
    const { ratio_mean, effective_samples } = importanceRatios(
      raggedFloat32([[0], [-900]]),
      raggedFloat32([[-900], [0]]),
    );
    expect(ratio_mean).to.be.closeTo(Math.exp(20) / 2, 1);
    expect(effective_samples).to.be.closeTo(1, 1e-6);
  });
});
