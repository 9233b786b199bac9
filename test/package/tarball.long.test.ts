import { type ExecFileException, execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';

const exec = promisify(execFile);
const root = resolve('.');

/** The package as those have it who install it: nothing of the clone, no tsx. Needs the registry or npm's cache. */
describe('package/tarball', function () {
  this.timeout(600_000);
  let home: string;
  const env: NodeJS.ProcessEnv = { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip', NODE_OPTIONS: '' };
  const run = (command: string, ...args: string[]) => exec(command, args, { cwd: home, env });

  before(async function () {
    try {
      await exec('npm', [
        'view',
        'yargs',
        'version',
        '--prefer-online',
        '--fetch-retries=0',
        '--fetch-timeout=10000',
      ]);
    } catch {
      console.log('    skipped: the npm registry is not reached');
      this.skip();
    }
    home = mkdtempSync(join(tmpdir(), 'rlev-tarball-'));
    await exec('npm', ['pack', '--pack-destination', home], { cwd: root, env });
    writeFileSync(join(home, 'package.json'), '{ "private": true, "type": "module" }');
    const [tarball] = readdirSync(home).filter((name) => name.endsWith('.tgz'));
    await run('npm', 'install', '--prefer-offline', '--no-audit', '--no-fund', `./${tarball}`);
  });
  after(() => {
    if (home) rmSync(home, { recursive: true, force: true });
  });

  it('brings no test, no source and no optional engine', () => {
    const installed = join(home, 'node_modules/rlev');
    for (const name of ['test', 'src', 'scripts', 'bench']) {
      expect(existsSync(join(installed, name)), name).to.equal(false);
    }
    expect(existsSync(join(home, 'node_modules/@tensorflow/tfjs-node'))).to.equal(false);
    expect(existsSync(join(home, 'node_modules/tsx'))).to.equal(false);
  });

  it('tells its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect((await run('npx', 'rlev', '--version')).stdout.trim()).to.equal(version);
  });

  it('trains, and leaves a run', async () => {
    await run('npx', 'rlev', 'train', 'node_modules/rlev/pipelines/smoke.yaml', '--run', 'out');
    const journal = readFileSync(join(home, 'out/journal.ndjson'), 'utf8');
    expect(journal).to.contain('"kind":"update"');
    expect(existsSync(join(home, 'out/pipeline.yaml'))).to.equal(true);
  });

  it('trains with the default engine, in its worker thread', async () => {
    const set = 'policy.engine.use=onnx';
    const args = [
      'train',
      'node_modules/rlev/pipelines/smoke.yaml',
      '--run',
      'out-onnx',
      '--set',
      set,
      '--json',
    ];
    const { stdout } = await run('npx', 'rlev', ...args);
    expect(JSON.parse(stdout)).to.include({ steps: 2 });
  });

  it('takes a stage and a loss by path, and tests them', async () => {
    const smoke = join(home, 'node_modules/rlev/pipelines/smoke.yaml');
    writeFileSync(
      join(home, 'mine.js'),
      `import { reward, z } from 'rlev';
import { aggregateParams, defineLoss, tf } from 'rlev/losses';
export const bonus = reward((row, { more }) => row.correct + more, {
  params: z.strictObject({ more: z.number().default(1) }),
});
export const doubled = defineLoss({
  use: 'mine/doubled',
  doc: 'REINFORCE, twice',
  needs: ['advantage'],
  params: z.strictObject(aggregateParams),
  perToken: ({ logprobs, advantages }) => ({ loss: tf.mul(tf.mul(advantages, -2), logprobs), metrics: {} }),
});
`,
    );
    writeFileSync(
      join(home, 'mine.yaml'),
      `extends: ${relative(home, smoke)}
rlev: 1
stages:
  reward: { use: ./mine.js#bonus, more: 2 }
  optimize: { loss: { use: ./mine.js#doubled } }
tests:
  - { name: pays, stage: reward, rows: [{ prompt: a, response: b, value: 0, correct: 1 }], expect: { reward: 3 } }
`,
    );
    const { stdout } = await run('npx', 'rlev', 'test', 'mine.yaml');
    expect(stdout).to.contain('1 test: 1 passed, 0 failed');
    await run('npx', 'rlev', 'train', 'mine.yaml', '--run', 'out-mine');
    expect(readFileSync(join(home, 'out-mine/journal.ndjson'), 'utf8')).to.contain('"use":"./mine.js#bonus"');
  });

  it('begins a pipeline in which lint finds nothing, and a stage whose test passes', async () => {
    const [pipeline] = (await run('npx', 'rlev', 'new', 'pipeline', 'experiments/first')).stdout.split('\n');
    expect((await run('npx', 'rlev', 'lint', pipeline!)).stdout).to.contain('0 errors, 0 warnings, 0 infos');
    const [, test] = (await run('npx', 'rlev', 'new', 'stage', 'stages/length-bonus')).stdout.split('\n');
    expect((await run('node', '--test', test!)).stdout).to.match(/pass 2\n[\s\S]*fail 0\n/);
  });

  it('brings what stages are tested with, without fast-check', async () => {
    writeFileSync(
      join(home, 'testing.js'),
      `import { builtInStages } from 'rlev';
import { batch, createStage, differences, stageEvent } from 'rlev/testing';
const stage = await createStage(builtInStages.get('advantage/rloo'));
const { advantage } = await stage.run(batch({ group: [0, 0], reward: [1, 0] }), stageEvent());
console.log(differences(advantage, [1, -1]).length);
`,
    );
    expect((await run('node', 'testing.js')).stdout).to.equal('0\n');
    expect(existsSync(join(home, 'node_modules/fast-check'))).to.equal(false);
  });

  it('names an engine that is not installed, and how to install it', async () => {
    const set = 'policy.engine.use=tensorflow';
    const failure = await run(
      'npx',
      'rlev',
      'train',
      'node_modules/rlev/pipelines/smoke.yaml',
      '--run',
      'none',
      '--set',
      set,
    ).then(
      () => undefined,
      (error: ExecFileException & { stderr: string }) => error,
    );
    expect(failure?.code).to.equal(1);
    expect(failure?.stderr).to.contain('npm install @tensorflow/tfjs-node@4.22.0');
    expect(existsSync(join(home, 'none'))).to.equal(false);
  });

  it('has types that a strict program compiles against', async () => {
    writeFileSync(
      join(home, 'program.ts'),
      [
        "import { builtInStages, loadPipeline, type Pipeline } from 'rlev';",
        "const pipeline: Pipeline = await loadPipeline('a.yaml', { catalogue: builtInStages });",
        'export const steps: number = pipeline.run.steps;',
        '// @ts-expect-error: a pipeline has no such field, so its type is not any',
        'export const nothing = pipeline.nothing;',
      ].join('\n'),
    );
    const options = ['--strict', '--noEmit', '--module', 'nodenext', '--target', 'es2023', '--types', ''];
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    const { stdout } = await run(process.execPath, tsc, ...options, '--skipLibCheck', 'program.ts').catch(
      (error) => error,
    );
    expect(stdout).to.equal('');
  });
});
