import { expect } from 'chai';
import { parse } from 'yaml';
import { z } from 'zod';
import { RlevError, RlevErrors } from '../../../src/core/errors.ts';
import { catalogueOf, type StageDefinition } from '../../../src/core/stage.ts';
import { resolvePipeline } from '../../../src/pipeline/file/resolve.ts';

const create = (): never => {
  throw new RlevError({ code: 'usage/arguments', message: 'A checker creates no stage.' });
};
const catalogue = catalogueOf([
  {
    kind: 'source',
    name: 'prompts/exam',
    summary: '',
    params: z.strictObject({
      file: z.string(),
      perStep: z.union([z.int().min(1), z.literal('all')]).default(8),
      template: z.string().default('{question}\n'),
    }),
    adds: () => ['row_id', 'group', 'points', 'exam_total'],
    create,
  },
  {
    kind: 'map',
    name: 'value/points',
    summary: '',
    params: z.strictObject({}),
    needs: () => ['points', 'exam_total'],
    adds: () => ['value'],
    create,
  },
  {
    kind: 'map',
    name: 'reward/rlev',
    summary: '',
    params: z.strictObject({ alpha: z.number().positive().default(10) }),
    needs: () => ['value'],
    adds: () => ['scale', 'reward'],
    create,
  },
  {
    kind: 'map',
    name: 'reward/other',
    summary: '',
    params: z.strictObject({ beta: z.number().default(1) }),
    needs: () => ['value'],
    adds: () => ['reward'],
    create,
  },
] as StageDefinition[]);

const good = `# a pipeline
rlev: 1
run: { steps: 3, seed: 7 }
stages:
  prompts: { use: prompts/exam, file: a.jsonl }
  value: { use: value/points }
  reward:
    use: reward/rlev
    alpha: 10
evaluate:
  heldOut:
    every: 2
    through: value
    stages:
      prompts: { file: b.jsonl, perStep: all }
`;

function resolve(text: string, set: readonly string[] = []): ReturnType<typeof resolvePipeline> {
  return resolvePipeline(text, 'dir/p.yaml', { catalogue, set });
}

function findings(text: string, set: readonly string[] = []): string[] {
  try {
    resolve(text, set);
  } catch (error) {
    if (error instanceof RlevErrors) return error.errors.map((e) => e.message);
    if (error instanceof RlevError) return [error.message];
    throw error;
  }
  return [];
}

describe('a pipeline file', () => {
  it('resolves to stages in order, with defaults filled in', () => {
    const pipeline = resolve(good);
    expect(pipeline.stages.map((s) => [s.id, s.use, s.params])).to.deep.equal([
      ['prompts', 'prompts/exam', { file: 'a.jsonl', perStep: 8, template: '{question}\n' }],
      ['value', 'value/points', {}],
      ['reward', 'reward/rlev', { alpha: 10 }],
    ]);
    expect(pipeline.name).to.equal('p');
    expect(pipeline.run).to.deep.include({ steps: 3, seed: 7, inFlight: 1 });
  });

  it('evaluates the stages up to `through`, patched by id', () => {
    const [branch] = resolve(good).evaluate;
    expect(branch!.id).to.equal('heldOut');
    expect(branch!.stages.map((s) => s.params)).to.deep.equal([
      { file: 'b.jsonl', perStep: 'all', template: '{question}\n' },
      {},
    ]);
  });

  it('writes itself as YAML that resolves to the same', () => {
    const pipeline = resolve(good);
    const again = resolve(pipeline.toYaml('.'));
    expect(parse(again.toYaml('.'))).to.deep.equal(parse(pipeline.toYaml('.')));
  });

  it('takes overrides from --set, as YAML values', () => {
    const pipeline = resolve(good, ['run.steps=9', 'stages.reward.alpha=2.5']);
    expect(pipeline.run.steps).to.equal(9);
    expect(pipeline.stages[2]!.params).to.deep.equal({ alpha: 2.5 });
  });

  it('drops parameters that a swapped stage lacks, and says so', () => {
    const pipeline = resolve(good, ['stages.reward.use=reward/other', 'stages.reward.beta=3']);
    expect(pipeline.stages[2]!.params).to.deep.equal({ beta: 3 });
    expect(pipeline.notices).to.deep.equal([
      'stages.reward.alpha was dropped: reward/other has no such parameter.',
    ]);
  });
});

describe('a pipeline file that cannot run', () => {
  const cases: [string, string, readonly string[]][] = [
    [
      'an unknown key of a stage',
      good.replace('alpha: 10', 'alhpa: 10'),
      [
        'dir/p.yaml:9:5: config/unknown-key: Nothing reads the key stages.reward.alhpa.\n  Did you mean `alpha`?',
      ],
    ],
    [
      'an unknown key at the top',
      good.replace('evaluate:', 'evalute:'),
      ['dir/p.yaml:10:1: config/unknown-key: Nothing reads the key evalute.\n  Did you mean `evaluate`?'],
    ],
    [
      'a misspelt stage',
      good.replace('reward/rlev', 'reward/rlv'),
      [
        'dir/p.yaml:8:10: config/unknown-stage: No stage is called "reward/rlv".\n  Did you mean `reward/rlev`?',
      ],
    ],
    [
      'a wrong type',
      good.replace('alpha: 10', 'alpha: ten'),
      ['dir/p.yaml:9:12: config/type: stages.reward.alpha is "ten"; it takes a number.'],
    ],
    [
      'a number out of range',
      good.replace('steps: 3', 'steps: 0'),
      ['dir/p.yaml:3:15: config/type: run.steps is 0; it takes a number at least 1.'],
    ],
    [
      'a missing key',
      good.replace(', file: a.jsonl', ''),
      ['dir/p.yaml:5:3: config/missing: stages.prompts.file is missing.\n  It takes a string.'],
    ],
    [
      'a required key that is misspelt',
      good.replace('steps: 3', 'step: 3'),
      [
        'dir/p.yaml:3:8: config/missing: run.steps is missing.\n  There is `step`: did you mean `steps`?',
        'dir/p.yaml:3:8: config/unknown-key: Nothing reads the key run.step.\n  Did you mean `steps`?',
      ],
    ],
    [
      'a stage that is no map',
      good.replace('{ use: value/points }', '4'),
      ['dir/p.yaml:6:10: config/type: stages.value is 4; it takes a map of keys.'],
    ],
    [
      'an empty file',
      '',
      [
        'dir/p.yaml:1:1: config/missing: This file is empty.\n  Begin with `rlev: 1`; rlev new pipeline NAME writes one that runs.',
      ],
    ],
    [
      'columns that nothing adds',
      good.replace('  value: { use: value/points }\n', '').replace('through: value', 'through: prompts'),
      [
        'dir/p.yaml:6:3: config/columns: reward/rlev needs the column `value`, which no stage before line 6 adds.\n  A stage that adds it: value/points.',
      ],
    ],
    [
      'a column added twice',
      good.replace('  reward:', '  again: { use: value/points }\n  reward:'),
      [
        'dir/p.yaml:7:3: config/columns: value/points adds the column `value`, which value (value/points) has added already.\n  Remove one of the two stages.',
      ],
    ],
    [
      'a branch that ends nowhere',
      good.replace('through: value', 'through: valu'),
      ['dir/p.yaml:13:14: config/unknown-key: No stage above has the id "valu".\n  Did you mean `value`?'],
    ],
    [
      'a patch with an unknown key',
      good.replace('perStep: all', 'perSteps: all'),
      [
        'dir/p.yaml:15:33: config/unknown-key: Nothing reads the key stages.prompts.perSteps.\n  Did you mean `perStep`?',
      ],
    ],
    [
      'the id under which a run records its checkpoints',
      good.replace('  reward:', '  checkpoint:'),
      [
        'dir/p.yaml:7:3: config/type: A stage cannot be called "checkpoint".\n  Under that name a run records its checkpoints.',
      ],
    ],
    [
      'no stage at all',
      'rlev: 1\nrun: { steps: 1 }\nstages: {}\n',
      [
        'dir/p.yaml:3:1: config/missing: stages has no stage.\n  Begin with a source: prompts: { use: prompts/exam, file: ... }',
      ],
    ],
  ];
  for (const [what, text, expected] of cases) {
    it(`is refused with its place: ${what}`, () => {
      expect(findings(text)).to.deep.equal(expected);
    });
  }

  it('is refused with its place: what is no YAML', () => {
    const [first] = findings('rlev: 1\nrun: { steps: 3\nstages: 4\n');
    expect(first).to.match(/^dir\/p\.yaml:3:1: config\/syntax: /);
  });

  it('is refused with its place: a key that stands twice', () => {
    const [first] = findings(good.replace('alpha: 10', 'alpha: 10\n    alpha: 11'));
    expect(first).to.match(/^dir\/p\.yaml:10:5: config\/syntax: The key alpha stands twice/);
  });

  it('shows all its faults at once', () => {
    const text = good.replace('alpha: 10', 'alpha: ten').replace('use: value/points', 'use: value/point');
    expect(findings(text).map((m) => m.split(':').slice(1, 4).join(':'))).to.deep.equal([
      '6:17: config/unknown-stage',
      '9:12: config/type',
    ]);
  });

  it('is refused with an override that cannot be read, or that changes what none can', () => {
    const overriding = (set: string): string => {
      try {
        resolvePipeline(good, 'dir/p.yaml', { catalogue, set: [set] });
      } catch (error) {
        return (error as Error).message.split('\n')[0]!;
      }
      return '';
    };
    expect(overriding('run.steps=[1,')).to.match(
      /^--set run\.steps=\[1,: config\/syntax: "\[1," is no YAML: Flow/,
    );
    expect(overriding('run.steps')).to.match(/^--set run\.steps: usage\/arguments: --set takes path=value/);
    expect(overriding('extends=b.yaml')).to.match(
      /^--set .*: config\/unknown-key: An override cannot change extends/,
    );
    expect(overriding('__proto__.x=1')).to.match(/An override cannot change __proto__\.x\.$/);
    expect({}).not.to.have.property('x');
    expect(overriding('a.b.c=1')).to.equal('--set a.b.c=1: config/unknown-key: Nothing reads the key a.');
  });

  it('is refused with the override that broke it', () => {
    expect(findings(good, ['stages.reward.alpha=-1'])).to.deep.equal([
      '--set stages.reward.alpha=-1: config/type: stages.reward.alpha is -1; it takes a number above 0.',
    ]);
    expect(findings(good, ['stages.rewrd.alpha=1'])[0]).to.include('Did you mean `reward`?');
    expect(findings(good, ['alpha'])[0]).to.include('--set takes path=value');
  });
});
