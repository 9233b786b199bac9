import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ValueScale } from '../../src/core/stage.ts';
import { svgOf, writePlot } from '../../src/report/plot.ts';
import { valuePlot } from '../../src/report/value-plot.ts';
import { valueReport, valueReportText } from '../../src/report/value-report.ts';
import { errorOf } from '../support/stage.ts';

const published: ValueScale = { formula: '1 + min(10 v, 1)', of: (v) => 1 + Math.min(10 * v, 1), ceiling: 2 };
const values = Float64Array.of(0.02, 0.02, 0.05, 0.1, 0.2);

describe('report/value-report', () => {
  it('has the distributions of v and of s, and how many questions s clips', () => {
    const report = valueReport(values, published);
    expect(report.values).to.include({ min: 0.02, median: 0.05, max: 0.2, distinct: 4 });
    expect(report.values.mean).to.be.closeTo(0.078, 1e-12);
    expect(report.scales).to.include({ min: 1.2, median: 1.5, max: 2, distinct: 3 });
    expect(report.saturation).to.include({ saturated: 2, saturates_at: 0.1 });
    expect(
      report.histogram.bins.map(({ from, count, saturated, s_to }) => [from, count, saturated, s_to]),
    ).to.deep.equal([
      [0.02, 2, 0, 1.2],
      [0.05, 1, 0, 1.5],
      [0.1, 1, 1, 2],
      [0.2, 1, 1, 2],
    ]);
  });

  it('reads as a table and bars', () => {
    const text = valueReportText(valueReport(values, published), 60);
    expect(text.split('\n')).to.deep.equal([
      '      least   25%  median  75%  most   mean  distinct',
      'v(x)   0.02  0.02    0.05  0.1   0.2  0.078         4',
      's(x)    1.2   1.2     1.5    2     2   1.58         3',
      '',
      'v(x)                            questions         s(x)',
      '0.02  ████████████████████████          2  40.0%  1.2',
      '0.05  ████████████                      1  20.0%  1.5',
      '0.1   ████████████                      1  20.0%  2, clipped',
      '0.2   ████████████                      1  20.0%  2, clipped',
      '',
      's(x)                            questions',
      '1.2   ████████████████████████          2  40.0%',
      '1.5   ████████████                      1  20.0%',
      '2     ████████████████████████          2  40.0%',
      '',
      's(x) runs from 1.2 to 2 over 5 questions; it saturates for 2 of them (40.0%), whose values of 0.1 and more count alike.',
    ]);
    for (const line of text.split('\n').slice(0, -1)) expect(line.length).to.be.at.most(60);
  });

  it('says how many of a bin are clipped where not all are', () => {
    const many = Float64Array.from({ length: 40 }, (_, i) => (i + 1) / 200);
    const bin = valueReport(many, published).histogram.bins.find(
      ({ saturated, count }) => saturated > 0 && saturated < count,
    );
    expect(bin).to.equal(undefined);
    const steeper: ValueScale = { formula: '', of: (v) => 1 + Math.min(v / 0.11, 1), ceiling: 2 };
    const text = valueReportText(valueReport(many, steeper), 80);
    expect(text).to.match(/^0\.1-0\.12 .* 4 {2}10\.0% {2}1\.91-2, 2 clipped$/m);
  });

  it('leaves out what there is without a scale', () => {
    const report = valueReport(values, undefined);
    expect(report).not.to.have.any.keys('scales', 'scale_histogram', 'saturation');
    expect(valueReportText(report, 60)).not.to.include('s(x)');
  });
});

describe('report/value-plot', () => {
  it('draws values, scale and what is clipped as SVG', async () => {
    const svg = await svgOf(valuePlot(valueReport(values, published), published, 'exam & co'));
    expect(svg).to.match(/^<svg /);
    expect(svg).to.include('exam &amp; co').and.to.include('s(x) = 1 + min(10 v, 1)');
    expect(svg).to.include('at its top').and.to.include('it saturates for 2 of them');
    expect(svg).not.to.include('NaN');
  });

  it('draws values far apart, values alone, and a single one', async () => {
    const far = Float64Array.from({ length: 40 }, (_, i) => (i === 0 ? 0 : 1.5 ** i));
    for (const [list, scale] of [
      [far, published],
      [far, undefined],
      [Float64Array.of(0.3), published],
      [Float64Array.of(0), published],
    ] as const) {
      const svg = await svgOf(valuePlot(valueReport(list, scale), scale, 'x'));
      expect(svg)
        .to.match(/^<svg /)
        .and.not.to.include('NaN');
    }
  });

  it('writes the file, and refuses what it cannot write', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rlev-plot-'));
    const plot = valuePlot(valueReport(values, published), published, 'x');
    await writePlot(plot, join(folder, 'a.svg'));
    expect(readFileSync(join(folder, 'a.svg'), 'utf8')).to.match(/<\/svg>\n?$/);
    await errorOf(() => writePlot(plot, join(folder, 'a.pdf')), 'usage/arguments');
    await errorOf(() => writePlot(plot, join(folder, 'none', 'a.svg')), 'run/io');
    const path = process.env.PATH;
    process.env.PATH = folder;
    const absent = await errorOf(() => writePlot(plot, join(folder, 'a.png')), 'engine/unavailable');
    process.env.PATH = path;
    expect(absent.help).to.include('librsvg');
    expect(existsSync(join(folder, 'a.png'))).to.equal(false);
    rmSync(folder, { recursive: true });
  });
});
