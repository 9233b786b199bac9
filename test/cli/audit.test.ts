import { expect } from 'chai';
import { auditCommand } from '../../src/cli/audit.ts';
import { inProcess } from '../support/in-process.ts';

const run = 'fixtures/recordings/smoke-v1';
const rlev = (args: readonly string[]) => inProcess(auditCommand, args);

describe('rlev audit', () => {
  it('prints agreement and cost by points, and says what it comes to', async () => {
    const { out, err, code } = await rlev(['audit', run, '--sample', '20']);
    expect([err, code]).to.deep.equal(['', 0]);
    expect(out).to.match(
      /^20 of 48 verdicts of 3 steps of fixtures\/recordings\/smoke-v1, drawn by points with seed 0\n/,
    );
    expect(out).to.match(/\n {2}strict {4}verify\/exact.*\n {2}recorded {2}verify\/numeric\n/);
    expect(out).to.match(/\n1 point +\d+ +4 +/);
    expect(out).to.match(/\nall +20 +48 +/);
    for (const line of out.split('\n')) expect(line.length, line).to.be.at.most(100);
  });

  it('prints all figures and examples as JSON', async () => {
    const { out } = await rlev([
      'audit',
      run,
      '--lenient',
      '{ use: verify/numeric, abs: 5 }',
      '--sample',
      'all',
      '--json',
    ]);
    const { sides, sampled, only, points, by_value, examples } = JSON.parse(out);
    expect(sides[1]).to.include({ name: 'lenient', use: 'verify/numeric' });
    expect(sides[1].params).to.include({ abs: 5, rel: 0 });
    expect(sampled).to.equal(48);
    expect(only.recorded.value).to.equal(0);
    expect(only.lenient.value).to.be.above(0);
    expect(points.only.lenient).to.deep.equal(points.disputed);
    expect(
      by_value.map((part: { rows: number }) => part.rows).reduce((a: number, b: number) => a + b),
    ).to.equal(48);
    expect(examples).to.have.length(5);
  });

  it('refuses what it does not understand, with exit code 2', async () => {
    const sample = await rlev(['audit', run, '--sample', 'few']);
    expect([sample.code, sample.out]).to.deep.equal([2, '']);
    expect(sample.err).to.match(/--sample takes a whole number, 0 or more, not few/);
    expect((await rlev(['audit', run, '--strict', '{a'])).code).to.equal(2);
    expect((await rlev(['audit', run, '--scope', 'heldOut'])).code).to.equal(2);
  });
});
