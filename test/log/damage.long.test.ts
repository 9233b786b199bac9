import { expect } from 'chai';
import { damages } from './damage.ts';

describe('log, when a file is damaged in any way', function () {
  this.timeout(300_000);

  it('verifies, repairs, or says that it cannot', async () => {
    const { shorter, repaired, hopeless } = await damages(() => true);
    expect(repaired).to.be.greaterThan(10_000);
    expect(shorter).to.be.greaterThan(1000);
    expect(hopeless).to.be.greaterThan(1000);
  });
});
