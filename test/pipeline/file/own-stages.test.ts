import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { columnOf } from '../../../src/core/batch.ts';
import type { RlevError } from '../../../src/core/errors.ts';
import { loadPipeline, type Pipeline } from '../../../src/pipeline/file/resolve.ts';
import { lint } from '../../../src/pipeline/lint/lint.ts';
import { train } from '../../../src/pipeline/run/run.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import type { Cohort } from '../../../src/streams/cohort.ts';
import { errorOf } from '../../support/stage.ts';

const head = `rlev: 1
run: { steps: 1 }
stages:
  prompts: { use: prompts/exam, file: questions.jsonl, perStep: all }
  rollout: { use: ./stages.ts#echo }
`;
const good = `${head}  words: { use: ./stages.ts#countWords }
  verify: { use: ./stages.ts#sameText }
  value: { use: ./stages.ts#severity }
  reward:
    use: ./stages.ts#lengthBonus
    bonus: 1
`;

describe('stages of one’s own, by path', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rlev-own-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** A pipeline file elsewhere, whose paths are relative to the folder of the modules. */
  const load = (text: string, set: readonly string[] = []): Promise<Pipeline> => {
    const file = join(folder, 'p.yaml');
    writeFileSync(file, `base: ${relative(folder, 'test/pipeline/own')}\n${text}`);
    return loadPipeline(file, { catalogue: builtInStages, set });
  };
  const findings = async (text: string, set: readonly string[] = []): Promise<string> =>
    (await errorOf(() => load(text, set))).message.replaceAll(folder, '');
  const cohortOf = async (text: string): Promise<Cohort> => {
    let cohort: Cohort | undefined;
    await train(await load(text), {
      record: false,
      onEvent: (event) => {
        if (event.type === 'step') cohort = event.cohort;
      },
    });
    return cohort!;
  };
  const failureOf = (use: string): Promise<RlevError> =>
    errorOf(() => cohortOf(`${head}  reward: { use: ${use} }\n`));

  it('run in a pipeline with their parameters, and may add columns of their own', async () => {
    const { batch } = await cohortOf(good);
    expect([...columnOf(batch, 'correct')]).to.deep.equal([1, 1]);
    expect([...columnOf(batch, 'value')]).to.deep.equal([3, 0.5]);
    expect([...columnOf(batch, 'reward')]).to.deep.equal([3 + 1 / 2, 0.5 + 1 / 6]);
    expect(columnOf(batch, 'data.words')).to.deep.equal([1, 1]);
  });

  it('stand in the resolved pipeline as they were named', async () => {
    const pipeline = await load(good);
    expect(parse(pipeline.toYaml('.')).stages.reward).to.deep.equal({
      use: './stages.ts#lengthBonus',
      bonus: 1,
    });
    expect(pipeline.stages.at(-1)!.definition.name).to.equal('./stages.ts#lengthBonus');
  });

  it('may be named by an override and by an evaluation', async () => {
    const pipeline = await load(
      `${good}evaluate:\n  other: { through: reward, stages: { reward: { use: "./stages.ts#notANumber" } } }\n`,
      ['stages.rollout.use=./stages.ts#echo', 'stages.reward.bonus=2'],
    );
    expect(pipeline.evaluate[0]!.stages.at(-1)!.use).to.equal('./stages.ts#notANumber');
    expect(pipeline.stages.at(-1)!.params).to.deep.equal({ bonus: 2 });
  });

  it('have their parameters checked as any other stage', async () => {
    expect(await findings(good.replace('bonus: 1', 'bonsu: 1'))).to.equal(
      '/p.yaml:12:5: config/unknown-key: Nothing reads the key stages.reward.bonsu.\n  Did you mean `bonus`?',
    );
    expect(await findings(good.replace('bonus: 1', 'bonus: -1'))).to.match(
      /12:12: config\/type: stages.reward.bonus is -1; it takes a number at least 0/,
    );
  });

  it('have their columns checked as any other stage', async () => {
    expect(await findings(good.replace('  value: { use: ./stages.ts#severity }\n', ''))).to.match(
      /9:3: config\/columns: .*needs the column value|9:3: config\/columns: .*`?value`?/,
    );
  });

  it('are found from the file that names them, where another extends it', async () => {
    await load(good);
    mkdirSync(join(folder, 'below'), { recursive: true });
    const file = join(folder, 'below/q.yaml');
    writeFileSync(file, 'rlev: 1\nextends: ../p.yaml\nstages: { reward: { bonus: 3 } }\n');
    const pipeline = await loadPipeline(file, { catalogue: builtInStages });
    const { definition, use, params } = pipeline.stages.at(-1)!;
    expect(params).to.deep.equal({ bonus: 3 });
    const stages = relative(join(folder, 'below'), 'test/pipeline/own/stages.ts');
    expect(use).to.equal(`${stages}#lengthBonus`);
    expect(definition.name).to.equal(use);
    writeFileSync(join(folder, 'resolved.yaml'), pipeline.toYaml('below'));
    const again = await loadPipeline(join(folder, 'resolved.yaml'), { catalogue: builtInStages });
    expect(again.stages.at(-1)!.definition.name).to.equal(use);
  });

  const refused: [string, string, RegExp][] = [
    [
      'a module that is not there',
      './stage.ts#echo',
      /7:18: config\/module: There is no file .*own\/stage\.ts\./,
    ],
    [
      'an export that is not there',
      './stages.ts#lengthBonsu',
      /7:18: config\/module: \.\/stages\.ts has no export "lengthBonsu"\.\n {2}Did you mean `lengthBonus`\?/,
    ],
    ['no export', './stages.ts', /7:18: config\/module: .* names no export .*\n {2}Write `\.\/stages\.ts#/],
    ['an export that is no stage', './stages.ts#limit', /limit of \.\/stages\.ts is a number, not a stage/],
    ['parameters that let a misspelling pass', './stages.ts#loose', /z\.strictObject/],
    [
      'what is nearly a stage',
      './stages.ts#half',
      /half of \.\/stages\.ts is an object of .*, not a stage: it has no needs, no create\.\n/,
    ],
    ['a stage of no kind', './stages.ts#filter', /, not a stage: no stage is of the kind "filter"\.\n/],
    [
      'a column that there is not',
      './stages.ts#misnamed',
      /7:3: config\/columns: .*#misnamed adds the column `rewrad`, which is no column\.\n {2}Did you mean `reward`\?/,
    ],
    [
      'columns that it cannot name',
      './stages.ts#unsure',
      /7:3: stage\/contract: needs of \.\/stages\.ts#unsure fails: no idea\.\n {2}It is a function/,
    ],
    ['a module that throws', './broken.ts#x', /broken\.ts cannot be loaded: TypeError: no such thing/],
  ];
  for (const [what, use, message] of refused) {
    it(`are refused with their place: ${what}`, async () => {
      expect(await findings(`${head}  reward: { use: ${use} }\n`)).to.match(message);
    });
  }

  it('are refused all at once, and with the override that names them', async () => {
    const message = await findings(`${head}  reward: { use: ./nowhere.js#x }\n`, [
      'stages.rollout.use=./stages.ts#ecco',
    ]);
    expect(message).to.match(/7:18: config\/module: There is no file/);
    expect(message).to.match(/--set stages\.rollout\.use=\.\/stages\.ts#ecco: config\/module: .*\n.*`echo`/);
  });

  it('are refused together with all else that is wrong, and only once', async () => {
    const text = `${head}  verify: { use: ./stages.ts#nothing }\n  value: { use: value/point }\n`;
    const codes = [...(await findings(text)).matchAll(/(\d+:\d+): (config\/[\w-]+)/g)].map(
      (m) => `${m[1]} ${m[2]}`,
    );
    expect(codes).to.deep.equal(['7:18 config/module', '8:17 config/unknown-stage']);
    const linted = await lint(join(folder, 'p.yaml'), { catalogue: builtInStages });
    expect(linted.map(({ code }) => code)).to.deep.equal(['config/module', 'config/unknown-stage']);
  });

  const breaches: [string, string, string, RegExp][] = [
    ['a column that it did not declare', 'undeclared', 'stage/contract', /returned scale, which it does not/],
    ['the wrong number of rows', 'short', 'stage/contract', /returned 1 rows of reward for 2/],
    ['no stage', 'idle', 'stage/contract', /what create returned has no function run\./],
    ['a list for a typed array', 'untyped', 'stage/contract', /float64.*\n {2}Return a Float64Array/],
    ['another type', 'wrongType', 'stage/contract', /Column reward must be float64/],
  ];
  for (const [what, name, code, message] of breaches) {
    it(`are named with their place where one returns ${what}`, async () => {
      const error = await failureOf(`./stages.ts#${name}`);
      expect(error.code).to.equal(code);
      expect(error.message).to.match(message);
      expect(error.message).to.match(
        new RegExp(`p\\.yaml:7:3: .*Stage reward \\(\\./stages\\.ts#${name}\\)(, step 0|: what create)`),
      );
    });
  }

  it('are named with their place where one throws, whatever it throws, at work or when created', async () => {
    const atWork = await failureOf('./stages.ts#throwsText');
    expect(atWork.code).to.equal('stage/failed');
    expect(atWork.message).to.match(/p\.yaml:7:3: .*Stage reward \(.*#throwsText\), step 0: out of luck/);
    const inFunction = await errorOf(() =>
      cohortOf(good.replace('#lengthBonus\n    bonus: 1', '#throwsError')),
    );
    expect(inFunction.message).to.match(
      /p\.yaml:10:3: stage\/failed: Stage reward .*: On the row 0\.0\.\d\.0: out of tune\n {2}Thrown at .*own\/stages\.ts:\d+:\d+\.$/,
    );
    const created = await failureOf('./stages.ts#throwsAtCreation');
    expect(created.code).to.equal('stage/failed');
    expect(created.message).to.match(/p\.yaml:7:3: .*reward .*could not be created: .*no key/);
  });

  it('are named with place and row where a function gives no finite number', async () => {
    const error = await errorOf(() =>
      cohortOf(
        `${head}  verify: { use: ./stages.ts#sameText }\n  value: { use: value/points }\n  reward: { use: ./stages.ts#notANumber }\n`,
      ),
    );
    expect(error.message).to.match(
      /p\.yaml:9:3: stage\/contract: Stage reward .*returned Infinity as reward of the row 0\.0\.[01]\.0/,
    );
  });
});
