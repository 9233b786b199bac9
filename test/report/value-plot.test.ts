import { expect } from 'chai';
import { valuePlot } from '../../src/report/value-plot.ts';
import { valueReport } from '../../src/report/value-report.ts';
import { rlev } from '../../src/stages/reward/rlev.ts';

interface Panel {
  readonly mark?: { readonly size?: number };
  readonly title?: { readonly text: string };
  readonly encoding: {
    readonly x: { readonly scale: { readonly type: string; readonly padding: number } };
    readonly y: { readonly axis: { readonly tickMinStep?: number } };
  };
}

describe('the picture of values', () => {
  const scale = rlev.scalesReward!(rlev.params.parse({ alpha: 10 }))!;
  const panels = (...values: readonly number[]): readonly Panel[] => {
    const plot = valuePlot(valueReport(Float64Array.from(values), scale), scale, 'questions');
    return (plot as unknown as { vconcat: readonly Panel[] }).vconcat;
  };

  it('gives each single value a bar that is seen whole, however close or far values are', () => {
    for (const values of [
      [0.0004, 0.001, 0.002, 0.005, 0.02, 0.1, 0.4, 1],
      [0.5, 0.5001, 1],
      [0],
      [0.3, 0.3],
    ]) {
      const bars = panels(...values).filter(({ mark }) => mark);
      expect(bars).to.have.length(2);
      for (const { mark, encoding } of bars) {
        expect(mark!.size).to.be.within(5, 50);
        expect(encoding.x.scale.padding).to.be.above(mark!.size! / 2);
        expect(encoding.y.axis.tickMinStep).to.equal(1);
      }
    }
  });

  it('sets values of several sizes apart by their logarithms, and others on a line', () => {
    expect(panels(0.0004, 0.001, 0.01, 0.1, 1)[0]!.encoding.x.scale.type).to.equal('symlog');
    expect(panels(0.01, 0.05, 0.1)[0]!.encoding.x.scale.type).to.equal('linear');
  });

  it('tells the quartiles in a line, where labels would lie on each other', () => {
    expect(panels(0.01, 0.02, 0.03, 0.04, 0.05)[1]!.title!.text).to.match(/v\(x\) = 0\.02, 0\.03, 0\.04$/);
  });
});
