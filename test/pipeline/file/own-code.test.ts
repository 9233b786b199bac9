import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { ownCode } from '../../../src/pipeline/file/own-code.ts';
import { loadPipeline, type Pipeline } from '../../../src/pipeline/file/resolve.ts';
import { resume } from '../../../src/pipeline/run/resume.ts';
import { train } from '../../../src/pipeline/run/run.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import { errorOf } from '../../support/stage.ts';

const catalogue = builtInStages;
const stages = pathToFileURL(resolve('test/pipeline/own/stages.ts')).href;

describe('the code of one’s own that a pipeline runs', () => {
  let folder: string;
  let pipeline: Pipeline;
  const file = (name: string): string => join(folder, name);

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rlev-code-'));
    writeFileSync(
      file('mine.mjs'),
      `import './side.mjs';\nexport { echo, sameText } from '${stages}';\nexport { bonus } from "./bonus.mjs";\n`,
    );
    writeFileSync(file('side.mjs'), '// nothing\n');
    writeFileSync(
      file('bonus.mjs'),
      `import { reward } from '${stages.replace('test/pipeline/own/stages.ts', 'src/index.ts')}';\nimport { one } from './one.mjs';\nimport './side.mjs';\nexport const bonus = reward((row) => row.correct + one);\n`,
    );
    writeFileSync(file('one.mjs'), "export const one = 1;\n// await import('./gone.js')\n");
    writeFileSync(
      file('p.yaml'),
      `rlev: 1
run: { steps: 3 }
stages:
  prompts: { use: prompts/exam, file: ${resolve('test/pipeline/own/questions.jsonl')}, perStep: all }
  rollout: { use: ./mine.mjs#echo }
  verify: { use: ./mine.mjs#sameText }
  value: { use: value/points }
  reward: { use: ./mine.mjs#bonus }
`,
    );
    pipeline = await loadPipeline(file('p.yaml'), { catalogue });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  it('is each module that is named, and what these import by a path, once', async () => {
    const code = await ownCode(pipeline);
    expect([...code.keys()]).to.deep.equal(['bonus.mjs', 'mine.mjs', 'one.mjs', 'side.mjs']);
    const bytes = readFileSync(file('side.mjs'));
    expect(code.get('side.mjs')).to.equal(createHash('sha256').update(bytes).digest('hex'));
  });

  it('stands in the header of a run, which is not resumed with other code', async () => {
    const directory = file('run');
    const stop = new AbortController();
    const onEvent = ({ type }: { type: string }): void => {
      if (type === 'step') stop.abort();
    };
    const stopped = await errorOf(() => train(pipeline, { directory, signal: stop.signal, onEvent }));
    expect(stopped.code).to.equal('run/cancelled');
    const one = readFileSync(file('one.mjs'), 'utf8');
    writeFileSync(file('one.mjs'), one.replace('1', '2'));
    const error = await errorOf(() => resume(directory, { catalogue }));
    expect(error.code).to.equal('run/mismatch');
    expect(error.message).to.match(/data\.code one\.mjs: recorded \w{64}, now \w{64}\.\n/);
    writeFileSync(file('one.mjs'), one);
    expect((await resume(directory, { catalogue })).steps).to.equal(3);
  });
});
