import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';

describe('rlev lint', function () {
  this.timeout(60_000);

  it('prints findings of several files as JSON, and exits with 1 where one is an error', () => {
    const folder = mkdtempSync(join(tmpdir(), 'rlev-cli-lint-'));
    const file = join(folder, 'p.yaml');
    writeFileSync(file, 'rlev: 1\nrun: { step: 3 }\nstages: {}\n');
    const { status, stdout } = spawnSync(
      process.execPath,
      ['--import', 'tsx', 'src/cli/main.ts', 'lint', '--offline', '--json', 'pipelines/rlev.yaml', file],
      { encoding: 'utf8' },
    );
    rmSync(folder, { recursive: true });
    expect(status).to.equal(1);
    const found = JSON.parse(stdout);
    expect(found).to.deep.include({
      file,
      line: 2,
      column: 8,
      severity: 'error',
      code: 'config/missing',
      message: 'run.steps is missing.',
      help: 'There is `step`: did you mean `steps`?',
    });
    expect(found.map((f: { file: string }) => f.file)).to.include('pipelines/rlev.yaml');
  });
});
