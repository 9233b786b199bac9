import { expect } from 'chai';
import { type AuditStratum, summarizeAudit } from '../../src/report/audit.ts';
import { auditTable } from '../../src/report/audit-table.ts';

const names = ['strict', 'lenient'] as const;

/** All rows of a bucket, each [strict, lenient, points, s(x)]; drawn are the first `n`. */
function bucket(label: string, rows: readonly number[][], n = rows.length): AuditStratum {
  const column = (k: number, of = rows.slice(0, n)) => Float64Array.from(of, (row) => row[k]!);
  const sum = (k: number) => rows.reduce((total, row) => total + row[k]!, 0);
  const drawn = { first: column(0), second: column(1), points: column(2), scale: column(3) };
  const points = rows.map((row) => row[2]!);
  const [from, to] = [Math.min(...points), Math.max(...points)];
  return { label, from, to, rows: rows.length, points: sum(2), scale: sum(3), drawn };
}

const cheap = bucket('1-2 points', [
  [1, 1, 1, 1.1],
  [0, 1, 2, 1.2],
  [0, 0, 1, 1.1],
  [0, 0.5, 1, 1.1],
]);
const dear = bucket('10 points', [
  [0, 1, 10, 2],
  [1, 0, 10, 2],
]);

describe('report/audit', () => {
  it('adds up what each side alone gives, by value and overall, where every row was drawn', () => {
    const { points, reward, by_value, ...all } = summarizeAudit([cheap, dear], names);
    expect([all.rows, all.sampled]).to.deep.equal([6, 6]);
    expect(all.agreement.value).to.be.closeTo(2 / 6, 1e-15);
    expect(all.only.strict!.value).to.be.closeTo(1 / 6, 1e-15);
    expect(all.only.lenient!.value).to.be.closeTo(3 / 6, 1e-15);
    expect(points!.at_stake).to.equal(25);
    expect(points!.disputed.value).to.be.closeTo(2 + 0.5 + 20, 1e-12);
    expect(points!.share.value).to.be.closeTo(22.5 / 25, 1e-12);
    expect(points!.per_response).to.be.closeTo(22.5 / 6, 1e-12);
    expect(points!.only.strict!.value).to.be.closeTo(10, 1e-12);
    expect(points!.only.lenient!.value).to.be.closeTo(12.5, 1e-12);
    expect(reward!.disputed.value).to.be.closeTo(1.2 + 0.55 + 4, 1e-12);
    expect(by_value.map((part) => part.label)).to.deep.equal(['1-2 points', '10 points']);
    expect(by_value[1]!.points!.disputed.value).to.be.closeTo(20, 1e-12);
    expect(by_value[0]!.agreement.value).to.equal(0.5);
  });

  it('charges a wrong verdict on 10 points 1.82 times one on 1 point, in reward', () => {
    const one = bucket('1 point', [[0, 1, 1, 1.1]]);
    const ten = bucket('10 points', [[0, 1, 10, 2]]);
    const [a, b] = summarizeAudit([one, ten], names).by_value;
    expect(b!.reward!.per_response / a!.reward!.per_response).to.be.closeTo(1.82, 0.005);
  });

  it('carries a part of the rows over to all points of their bucket', () => {
    const rows = Array.from({ length: 100 }, (_, i) => [0, i % 4 === 0 ? 1 : 0, 5, 1.5]);
    const { points } = summarizeAudit([bucket('5 points', rows, 40)], names);
    expect(points!.disputed.value).to.be.closeTo(0.25 * 500, 1e-9);
    const [low, high] = points!.disputed.interval!;
    expect(low).to.be.within(60, 125);
    expect(high).to.be.within(125, 200);
  });

  it('says nothing of rewards where a run scaled none', () => {
    const plain = { ...cheap, scale: null, drawn: { ...cheap.drawn, scale: new Float64Array() } };
    expect(summarizeAudit([plain], names).reward).to.equal(null);
  });

  describe('as a table', () => {
    const many = Array.from({ length: 5000 }, (_, i) => [i % 2, i % 7 === 0 ? 0 : i % 2, 12, 2]);
    const wide = summarizeAudit([cheap, bucket('12 points', many, 100)], ['recorded', 'lenient']);

    it('fits 100 columns, with numbers below each other', () => {
      const lines = auditTable(wide, ['recorded', 'lenient'], 'points').split('\n');
      for (const line of lines) expect(line.length, line).to.be.at.most(100);
      const at = lines.findIndex((line) => line.includes('kappa'));
      expect(new Set(lines.slice(at, at + 4).map((line) => line.length)).size).to.equal(1);
    });

    it('ends with what depends on the verifier, and where', () => {
      const text = auditTable(summarizeAudit([cheap, dear], names), names, 'points');
      expect(text).to.match(
        /\n23 of 25 points \(90\.0%\) depend on which verifier is asked:\n10 only strict gives, 13 only lenient gives\. 89% of them are in the bucket 10 points\.$/,
      );
    });

    it('gives no interval where all was drawn, and a bound where no difference was', () => {
      expect(auditTable(summarizeAudit([dear], names), names, 'points')).not.to.match(/\d \[\d/);
      const same = bucket(
        '3 points',
        Array.from({ length: 900 }, (_, i) => [i % 2, i % 2, 3, 1]),
        90,
      );
      const text = auditTable(summarizeAudit([same], names), names, 'points');
      expect(text).to.match(
        /agree on every verdict that was drawn\.\nAt most \d+ of 2,700 points \(\d\.\d%\) depend/,
      );
    });
  });
});
