import { expect } from 'chai';
import fc from 'fast-check';
import { loadReader } from '../../../src/stages/verify/math.ts';
import { formulas } from './adversarial.ts';

describe('verify/math, at length', () => {
  it('reads 30,000 formulas, each in little time', async () => {
    const reader = await loadReader();
    const repeated = fc
      .tuple(formulas, fc.integer({ min: 1, max: 30 }))
      .map(([text, times]) => text.slice(0, 40).repeat(times));
    fc.assert(
      fc.property(fc.oneof(formulas, repeated), (text) => {
        const before = process.cpuUsage();
        const reading = reader.read(text);
        if (reading) reader.same(reading, reading, { abs: 0, rel: 0 });
        const { user, system } = process.cpuUsage(before);
        expect(user + system, 'microseconds').to.be.lessThan(1_000_000);
      }),
      { numRuns: 30_000 },
    );
  });
});
