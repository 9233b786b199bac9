import { expect } from 'chai';
import type { ValueScale } from '../../src/core/stage.ts';
import { scaleSentence, scaleSummary } from '../../src/report/values.ts';

/** 1 + min(alpha v, clip). */
const scale = (alpha: number, clip = 1): ValueScale => ({
  formula: '',
  of: (v) => 1 + Math.min(alpha * v, clip),
  ...(clip < Infinity && { ceiling: alpha === 0 ? 1 : 1 + clip }),
});

describe('report/values', () => {
  it('counts the questions whose s(x) saturates: at alpha 10, those worth 10 of 100 or more', () => {
    const summary = scaleSummary(Float64Array.of(0.02, 0.05, 0.1, 0.2), scale(10));
    expect(summary).to.include({ n: 4, saturated: 2, saturated_share: 0.5, saturates_at: 0.1 });
    expect(summary).to.include({ s_min: 1.2, s_max: 2, distinct_values: 4, distinct_scales: 3 });
    expect(summary.s_mean).to.be.closeTo((1.2 + 1.5 + 2 + 2) / 4, 1e-12);
    expect(scaleSentence(summary)).to.equal(
      's(x) runs from 1.2 to 2 over 4 questions; it saturates for 2 of them (50.0%), whose values of 0.1 and more count alike.',
    );
  });

  it('finds no saturation below the ceiling, nor without one', () => {
    const low = scaleSummary(Float64Array.of(0.01, 0.03), scale(10));
    expect(low.saturated).to.equal(0);
    expect(scaleSentence(low)).to.equal(
      's(x) runs from 1.1 to 1.3 over 2 questions; it saturates for none of them.',
    );
    const open = scaleSummary(Float64Array.of(0.1, 5), scale(10, Infinity));
    expect(open).to.include({ saturated: 0, saturates_at: null, s_max: 51 });
  });

  it('takes a scale without slope as saturated from the least value on', () => {
    const flat = scaleSummary(Float64Array.of(0.1, 5), scale(0));
    expect(flat).to.include({ saturated: 2, saturates_at: 0.1, s_min: 1, s_max: 1 });
  });

  it('takes a scale that does not say where it ends to end where its largest s is that of several values', () => {
    const own: ValueScale = { formula: 'f(v)', of: (v) => Math.min(3, Math.round(4 * v)) };
    const merged = scaleSummary(Float64Array.of(0.1, 0.3, 0.8, 0.9), own);
    expect(merged).to.include({ saturated: 2, saturates_at: 0.8, s_max: 3 });
    const rising = scaleSummary(Float64Array.of(0.1, 0.3, 0.8, 0.8), own);
    expect(rising).to.include({ saturated: 0, saturates_at: null });
  });

  it('refuses an s without end', () => {
    expect(() => scaleSummary(Float64Array.of(1, 1e308), scale(10, Infinity)))
      .to.throw('s(x) of the value 1e+308 is Infinity')
      .with.property('code', 'data/value');
  });

  it('refuses no values and wrong ones', () => {
    expect(() => scaleSummary(new Float64Array(0), scale(10)))
      .to.throw()
      .with.property('code', 'data/empty');
    for (const wrong of [-1, Number.NaN, Infinity]) {
      expect(() => scaleSummary(Float64Array.of(1, wrong), scale(10)))
        .to.throw()
        .with.property('code', 'data/value');
    }
  });
});
