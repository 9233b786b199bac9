import { type ExecFileException, execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
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
