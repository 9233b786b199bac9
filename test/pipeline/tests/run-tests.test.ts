import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { tableToIPC } from 'apache-arrow';
import { expect } from 'chai';
import { batchOf } from '../../../src/core/batch.ts';
import { loadPipeline } from '../../../src/pipeline/file/resolve.ts';
import { train } from '../../../src/pipeline/run/run.ts';
import { formatCount, formatTest } from '../../../src/pipeline/tests/format.ts';
import { runTests, type TestResult } from '../../../src/pipeline/tests/run-tests.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';
import { errorOf } from '../../support/stage.ts';

async function resultsOf(file: string): Promise<TestResult[]> {
  const results: TestResult[] = [];
  for await (const result of runTests(file, { catalogue: builtInStages })) results.push(result);
  return results;
}

const pipeline = `rlev: 1
run: { steps: 1 }
stages:
  prompts: { use: prompts/exam, file: questions.jsonl, perStep: all }
  rollout: { use: ./stages.ts#echo }
  verify: { use: ./stages.ts#sameText }
  value: { use: value/points }
  reward: { use: reward/rlev, alpha: 10 }
  advantage: { use: advantage/rloo }
`;

describe('tests in YAML', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rlev-tests-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const write = (name: string, text: string | Uint8Array): string => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const inline = (tests: string): string => {
    const base = `base: ${resolve('test/pipeline/own')}\n`;
    return write('p.yaml', `${pipeline.replace('run:', `${base}run:`)}tests:\n${tests}`);
  };
  const said = async (tests: string): Promise<string> =>
    (await resultsOf(inline(tests)))
      .map((result) => formatTest(result))
      .join('\n')
      .replaceAll(`${folder}/`, '');

  it('of the shipped pipeline pass', async () => {
    const results = await resultsOf('pipelines/rlev.yaml');
    expect(results.filter(({ failures }) => failures.length > 0)).to.deep.equal([]);
    expect(formatCount(results)).to.equal(`${results.length} tests: ${results.length} passed, 0 failed`);
    expect(await resultsOf('pipelines/rlev.test.yaml')).to.deep.equal(results);
  });

  it('stand in the pipeline, and say place, stage, row, column, what was expected and what was', async () => {
    const tests = `  - name: earns too little
    stage: value/reward
    rows:
      - { points: 1, exam_total: 10, correct: 1 }
      - { points: 1, exam_total: 100, correct: 1 }
    expect:
      reward: [2,
        1.2]
`;
    expect(await said(tests)).to.equal(`  FAIL  earns too little
        p.yaml:19:9: stages value/reward, row 1 (0.0.1.0), column reward
          - expected  1.2
          + actual    1.1`);
  });

  it('expect values exactly, closely and by predicate, for a row, for each token or for all', async () => {
    const rows =
      '[{ group: 0, reward: 1, response_tokens: [5, 1] }, { group: 0, reward: 0.7 , response_tokens: [1] }]';
    const passing = [
      '[~0.3, ~-0.3]',
      '[[~0.3, ~0.3], [~-0.3]]',
      '[~0.31 +- 0.02, { below: 0 }]',
      '[[{ above: 0 }, { atLeast: 0.2, atMost: 0.4 }], { not: 0 }]',
      '{ between: [-0.4, 0.4] }',
    ];
    const failing = [
      '[0.3, -0.31]',
      '[~0.31, ~-0.3]',
      '[~0.3, { above: 0 }]',
      '{ above: 0 }',
      '[~0.3]',
      '[[~0.3], ~-0.3]',
      'text',
    ];
    const test = (name: string, column: string): string =>
      `  - { name: '${name}', stage: advantage, rows: ${rows}, expect: { advantage: ${column} } }\n`;
    const results = await resultsOf(
      inline(
        [...passing.map((c, i) => test(`good ${i}`, c)), ...failing.map((c, i) => test(`bad ${i}`, c))].join(
          '',
        ),
      ),
    );
    const outcome = results.map(({ name, failures }) => [name.split(' ')[0], failures.length === 0]);
    expect(outcome).to.deep.equal([
      ...passing.map(() => ['good', true]),
      ...failing.map(() => ['bad', false]),
    ]);
  });

  it('show long texts from where they part', async () => {
    const alike = 'step by step '.repeat(12);
    const text = await said(
      `  - { name: long, stage: verify, rows: [{ prompt: q, response: '${alike}seven', reference: [a] }], expect: { response: ['${alike}nine'] } }\n`,
    );
    expect(text).to.match(/- expected {2}…".*step nine", from character 132 on\n/);
    expect(text).to.match(/\+ actual {4}…".*step seven", from character 132 on$/);
  });

  it('say which row lacks a column that others have, and indent what they say', async () => {
    const rows = '[{ group: 0, reward: 1, response_tokens: [5] }, { group: 0, reward: 0 }]';
    const lacking = await said(
      `  - { name: a, stage: advantage, rows: ${rows}, expect: { advantage: [1, -1] } }\n`,
    );
    expect(lacking).to.contain('config/missing: Row 1 has no response_tokens, which other rows have.');
    const unknown = await said(
      '  - { name: a, stage: advantage, rows: [{ reward: 1 }], expect: { advantage: { abve: 0 } } }\n',
    );
    expect(unknown).to.match(/called|by the name of abve\.\n {10}Did you mean `above`\?$/);
  });

  it('compare texts, lists and nothing', async () => {
    const test = (name: string, columns: string): string => `  - name: ${name}
    stage: verify
    rows: [{ prompt: "1+1", response: "2", reference: ["2"], answer: null }]
    expect: ${columns}
`;
    const all = [
      test('one', '{ response: "2", reference: [["2"]], answer: [null], prompt: { matches: "^1" } }'),
      test('two', '{ response: { oneOf: ["3", "4"] } }'),
      test('three', '{ reference: [["2", "3"]] }'),
    ];
    const results = await resultsOf(inline(all.join('')));
    expect(results.map(({ failures }) => failures.length)).to.deep.equal([0, 1, 1]);
  });

  it('expect an error by its code and a part of its message', async () => {
    const rows = 'rows: [{ row_id: "a", prompt: "", response: "1", reference: [] }]';
    const test = (expected: string): string =>
      `  - { name: n, stage: verify, ${rows}, expect: ${expected} }\n`;
    const results = await resultsOf(
      inline(
        [
          '{ correct: 0 }',
          '{ error: config/columns }',
          '{ error: stage/failed }',
          '{ correct: 0, error: stage/faild }',
        ]
          .map(test)
          .join(''),
      ),
    );
    expect(results.map(({ failures }) => failures.length)).to.deep.equal([0, 1, 1, 1]);
    expect(results[1]!.failures[0]).to.deep.include({ expected: 'error config/columns', actual: 'no error' });
    const broken = await resultsOf(
      inline(
        [
          '{ name: n, stage: advantage, rows: [{ group: 0 }], expect: { error: config/columns, message: needs the column reward } }',
          '{ name: n, stage: advantage, rows: [{ group: 0 }], expect: { error: config/columns, message: another } }',
          '{ name: n, stage: advantage, rows: [{ group: 0 }], expect: { advantage: 0 } }',
        ]
          .map((t) => `  - ${t}\n`)
          .join(''),
      ),
    );
    expect(broken.map(({ failures }) => failures.length)).to.deep.equal([0, 1, 1]);
    expect(broken[2]!.failures[0]!.actual).to.match(/advantage \(advantage\/rloo\) needs the column reward/);
  });

  const faults: [string, string, RegExp][] = [
    [
      'a stage',
      '{ name: n, stage: reard, rows: [{ value: 1 }], expect: {} }',
      /12:23: config\/unknown-key: .*"reard".*\n.*`reward`/,
    ],
    [
      'a column that goes in',
      '{ name: n, stage: reward, rows: [{ vale: 1, correct: 1 }], expect: {} }',
      /12:40: config\/unknown-key: No column is called vale\.\n.*`value`/,
    ],
    [
      'a column that comes out',
      '{ name: n, stage: reward, rows: [{ value: 1, correct: 1 }], expect: { rewrd: 1 } }',
      /no column rewrd. Did you mean `reward`/,
    ],
    [
      'a cell',
      '{ name: n, stage: reward, rows: [{ value: one, correct: 1 }], expect: {} }',
      /12:47: config\/type: Row 0 of value is "one"/,
    ],
    [
      'a predicate',
      '{ name: n, stage: reward, rows: [{ value: 1, correct: 1 }], expect: { reward: { abov: 1 } } }',
      /by the name of abov.\n.*`above`/,
    ],
    [
      'a pattern',
      '{ name: n, stage: verify, rows: [{ prompt: q, response: a, reference: [a] }], expect: { response: { matches: "(" } } }',
      /config\/type: \{"matches":"\("\} is no expectation/,
    ],
    [
      'a span',
      '{ name: n, stage: reward/value, rows: [{ value: 1 }], expect: {} }',
      /config\/order: value stands before reward/,
    ],
    [
      'rows for a source',
      '{ name: n, stage: prompts, rows: [{ value: 1 }], expect: {} }',
      /makes rows itself/,
    ],
    ['no rows', '{ name: n, stage: reward, expect: {} }', /config\/missing: The test has no rows/],
    [
      'an override',
      '{ name: n, stage: reward, set: [stages.reward.alhpa=1], rows: [{ value: 1 }], expect: {} }',
      /--set stages.reward.alhpa=1: config\/unknown-key.*\n.*`alpha`/,
    ],
  ];
  for (const [what, test, message] of faults) {
    it(`name what is wrong with themselves, with its place: ${what}`, async () => {
      expect(await said(`  - ${test}\n`)).to.match(message);
    });
  }

  it('are checked with the pipeline that they stand in', async () => {
    const error = await errorOf(() => resultsOf(inline('  - { name: n, stgae: reward, expect: {} }\n')));
    expect(error.message).to.match(/12:16: config\/unknown-key: .*stgae.*\n.*`stage`/);
  });

  it('run a source on its data', async () => {
    expect(
      await said(
        '  - { name: n, stage: prompts/value, expect: { rows: 2, value: [0.5, 0.1], correct: 1 } }\n',
      ),
    ).to.equal('  ok    n');
  });

  it('take rows of files: JSON Lines and Arrow, and of a recorded run', async () => {
    write('rows.jsonl', '{"value":0.5,"correct":1}\n{"value":0,"correct":0}\n');
    const columns = { row_id: ['a', 'b'], value: Float64Array.of(0.5, 0), correct: Float32Array.of(1, 0) };
    write('rows.arrow', tableToIPC(batchOf(columns), 'file'));
    const recorded = await train(await loadPipeline(inline('  []\n'), { catalogue: builtInStages }), {
      runs: folder,
    });
    const file = write(
      'p.test.yaml',
      `pipeline: p.yaml
tests:
  - { name: JSON Lines, stage: reward, rows: rows.jsonl, expect: { reward: [2, 0] } }
  - { name: Arrow, stage: reward, rows: rows.arrow, expect: { reward: [2, 0], row_id: [a, b] } }
  - { name: behind, stage: reward, rows: p@0/value, expect: { reward: 2 } }
  - { name: the stage itself, stage: reward, rows: p@0/reward, expect: { reward: 2 } }
  - { name: no such step, stage: reward, rows: p@7/value, expect: { reward: 2 } }
  - { name: no such file, stage: reward, rows: none.jsonl, expect: { reward: 2 } }
`,
    );
    expect(recorded.directory).to.equal(join(folder, 'p'));
    const results = await resultsOf(file);
    expect(results.map(({ name, failures }) => [name, failures[0]?.actual])).to.deep.equal([
      ['JSON Lines', undefined],
      ['Arrow', undefined],
      ['behind', undefined],
      ['the stage itself', undefined],
      ['no such step', results[4]!.failures[0]!.actual],
      ['no such file', results[5]!.failures[0]!.actual],
    ]);
    expect(results[4]!.failures[0]!.actual).to.match(/p\.test\.yaml:7:\d+: run\/not-found: .*no step 7/);
    expect(results[5]!.failures[0]!.actual).to.match(/p\.test\.yaml:8:\d+: data\/missing-file/);
  });

  it('open the policy where a stage asks for it', async () => {
    const file = write(
      'smoke.test.yaml',
      `pipeline: ${resolve('pipelines/smoke.yaml')}
tests:
  - name: samples two responses to each prompt
    stage: rollout
    rows: [{ prompt: "1+1=\\n" }]
    expect: { rows: 2, finish: { oneOf: [stop, length] }, sampled_logprobs: { atMost: 0 } }
`,
    );
    expect((await resultsOf(file)).flatMap(({ failures }) => failures)).to.deep.equal([]);
  });

  it('must be there', async () => {
    const error = await errorOf(() => resultsOf('pipelines/sft.yaml'), 'config/missing');
    expect(error.message).to.contain('This file has no tests');
  });
});
