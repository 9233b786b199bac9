import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { rlev } from '../support/cli.ts';

describe('rlev values', function () {
  this.timeout(60_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rlev-cli-values-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('prints the values of a file of questions as JSON, and draws them', async () => {
    const file = join(folder, 'tickets.csv');
    writeFileSync(file, 'id,question,reference,points,exam_total,money\na,x,1,1,1,5\nb,y,1,1,1,20\n');
    const picture = join(folder, 'money.svg');
    const args = ['values', file, '--column', 'data.money', '--alpha', '2', '--json', '-o', picture];
    const { code, out, err } = await rlev(args);
    expect(err).to.equal(`drawn in ${picture}\n`);
    expect(code).to.equal(0);
    const printed = JSON.parse(out);
    expect(printed).to.deep.include({ data: file, value: 'value/column', scale: '1 + min(2 v, 1)', n: 2 });
    expect(printed.values).to.include({ min: 0.25, max: 1 });
    expect(printed.saturation).to.include({ saturated: 1, saturates_at: 1 });
    expect(readFileSync(picture, 'utf8')).to.match(/^<svg /);
  });

  it('prints those of a pipeline as a table with bars, as docs/values.md shows', async () => {
    const { code, out } = await rlev(['values', 'pipelines/rlev.yaml', '--alpha', '20']);
    expect(code).to.equal(0);
    const shown = /```text\n([\s\S]*?)```/.exec(readFileSync('docs/values.md', 'utf8'))![1];
    expect(out).to.equal(shown);
  });
});
