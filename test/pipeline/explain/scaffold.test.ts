import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { newPipeline, newStage } from '../../../src/pipeline/explain/scaffold.ts';
import { lint } from '../../../src/pipeline/lint/lint.ts';
import { runTests } from '../../../src/pipeline/tests/run-tests.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';

const run = promisify(execFile);

describe('rlev new', () => {
  let folder: string;
  before(() => {
    mkdirSync('node_modules/.cache', { recursive: true });
    folder = mkdtempSync(resolve('node_modules/.cache/new-'));
    // A package of its own, in which `rlev` is the source beside.
    const library = join(folder, 'node_modules/rlev');
    mkdirSync(library, { recursive: true });
    const exports = { '.': './index.ts', './testing': './testing.ts' };
    writeFileSync(join(library, 'package.json'), JSON.stringify({ name: 'rlev', type: 'module', exports }));
    writeFileSync(join(library, 'index.ts'), `export * from '${resolve('src/index.ts')}';\n`);
    writeFileSync(join(library, 'testing.ts'), `export * from '${resolve('src/testing/index.ts')}';\n`);
    writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('refuses a folder that is a file', async () => {
    const error = await newPipeline(join(folder, 'package.json/mine')).catch((e: unknown) => e);
    expect(error).to.have.property('code', 'usage/arguments');
  });

  it('begins a pipeline in which lint finds nothing, and whose tests pass', async () => {
    const [file] = await newPipeline(join(folder, 'experiments/mine'));
    expect(await lint(file!, { catalogue: builtInStages })).to.deep.equal([]);
    const failures: unknown[] = [];
    let tests = 0;
    for await (const result of runTests(file!, { catalogue: builtInStages })) {
      tests++;
      failures.push(...result.failures);
    }
    expect(failures).to.deep.equal([]);
    expect(tests).to.equal(2);
  });

  it('begins a stage whose test passes', async () => {
    const [, test] = await newStage(join(folder, 'stages/length-bonus'));
    const { stdout } = await run(process.execPath, ['--import', 'tsx', '--test', test!], { cwd: folder });
    expect(stdout)
      .to.match(/pass 2/)
      .and.match(/fail 0/);
  });

  it('takes .mjs where a .js file would be no ES module, and refuses .js there', async () => {
    const plain = join(folder, 'plain');
    mkdirSync(plain);
    writeFileSync(join(plain, 'package.json'), '{ "type": "commonjs" }');
    const [stage, test] = await newStage(join(plain, 'stages/length-bonus'));
    expect(stage).to.match(/length-bonus\.mjs$/);
    expect(readFileSync(test!, 'utf8')).to.contain("from './length-bonus.mjs'");
    const refused = await newStage(join(plain, 'other.js')).catch((e: unknown) => e);
    expect(refused).to.have.property('help').that.includes('other.mjs');
  });

  it('overwrites nothing, and takes no name that cannot be exported', async () => {
    await newStage(join(folder, 'twice'));
    const twice = await newStage(join(folder, 'twice')).catch((e: unknown) => e);
    expect(twice).to.have.property('code', 'usage/arguments');
    const odd = await newStage(join(folder, 'My stage')).catch((e: unknown) => e);
    expect(odd).to.have.property('help').that.includes('length-bonus');
  });
});
