import { expect } from 'chai';
import { cpuFeatures, headerDifferences, originOf } from '../../src/log/origin.ts';
import { origin } from './events.ts';

describe('log/origin', () => {
  it('names the versions that a number depends on', async () => {
    const { versions, data, policy } = await originOf({ data: { a: 'b' }, policy: 'c' });
    expect(versions.node).to.equal(process.versions.node);
    for (const name of ['rlev', 'apache-arrow', 'onnxruntime-node'])
      expect(versions[name]).to.match(/^\d+\.\d+/);
    expect({ data, policy }).to.deep.equal({ data: { a: 'b' }, policy: 'c' });
  });

  it('names the processor the same way every time', async () => {
    const features = await cpuFeatures();
    expect(features).not.to.be.empty;
    expect(await cpuFeatures()).to.deep.equal(features);
  });

  it('says what differs between two runs', () => {
    expect(headerDifferences(origin, { ...origin })).to.deep.equal([]);
    const other = { ...origin, versions: { ...origin.versions, node: '22.0.0' }, cpu: ['avx2'], data: {} };
    expect(headerDifferences(origin, other)).to.deep.equal([
      'versions.node: recorded 20.0.0, now 22.0.0',
      `data.train.jsonl: recorded ${'0'.repeat(64)}, now absent`,
      'cpu: recorded avx2 fma, now avx2',
    ]);
  });
});
