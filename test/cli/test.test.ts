import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { expect } from 'chai';
import { rlev } from '../support/cli.ts';

describe('rlev test', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rlev-cli-'));
    const tests = (value: number): string =>
      `pipeline: ${resolve('pipelines/rlev.yaml')}\ntests:\n  - { name: n, stage: value, rows: [{ points: 1, exam_total: 2 }], expect: { value: ${value} } }\n`;
    writeFileSync(join(folder, 'bad.test.yaml'), tests(0.4));
    writeFileSync(join(folder, 'good.test.yaml'), tests(0.5));
    writeFileSync(join(folder, 'broken.test.yaml'), 'pipeline: none.yaml\ntest: []\n');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('runs the tests of files, counts them, and exits with 1 where one fails, whatever fails first', async () => {
    const files = ['broken', 'bad', 'good'].map((name) => join(folder, `${name}.test.yaml`));
    const { code, out: stdout } = await rlev(['test', ...files]);
    expect(code).to.equal(1);
    expect(stdout).to.contain('broken.test.yaml:2:1: config/unknown-key').and.to.contain('`tests`');
    expect(stdout).to.contain('bad.test.yaml:3:85: stage value, row 0 (0.0.0.0), column value');
    expect(stdout).to.match(/- expected {2}0\.4\n +\+ actual {4}0\.5/);
    expect(stdout).to.match(/3 tests: 1 passed, 2 failed\n$/);
  });

  it('exits with 0 where all pass, and prints JSON where asked to', async () => {
    const { code, out: stdout } = await rlev(['test', '--json', join(folder, 'good.test.yaml')]);
    expect(code).to.equal(0);
    expect(JSON.parse(stdout)).to.deep.equal([
      {
        name: 'n',
        stage: 'value',
        place: { file: join(folder, 'good.test.yaml'), line: 3, column: 5 },
        failures: [],
      },
    ]);
  });
});
