import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { batchOf } from '../../../src/core/batch.ts';
import { raggedInt32 } from '../../../src/core/columns.ts';
import { foldIn, randomKey, uniform } from '../../../src/core/random.ts';
import { defineMap, defineSource } from '../../../src/core/stage.ts';
import { z } from '../../../src/index.ts';
import { type AuditOptions, audit } from '../../../src/pipeline/audit/audit.ts';
import { resolvePipeline } from '../../../src/pipeline/file/resolve.ts';
import { train } from '../../../src/pipeline/run/run.ts';
import type { Estimate } from '../../../src/report/stratified.ts';
import { verifier } from '../../../src/stages/define-row.ts';
import { errorOf } from '../../support/stage.ts';
import { numbers, stagesWith, stepsOf } from '../small-run.ts';

const smoke = 'fixtures/recordings/smoke-v1';

/** A uniform number that belongs to a row. */
function chance(purpose: string, row: string): number {
  const [step, round, group, sample] = row.split('.').map(Number) as [number, number, number, number];
  return uniform(foldIn(randomKey(0, purpose), step, round, group, sample), 0);
}

/** A stand-in for a policy: three of five responses are the reference, the others are not. */
const guess = defineMap({
  name: 'test/guess',
  summary: 'Four responses to each prompt, of which 60% are right.',
  params: z.strictObject({}),
  needs: () => ['row_id', 'reference', 'group'],
  adds: () => ['row_id', 'sample', 'response', 'response_tokens'],
  replaces: () => ['row_id'],
  expands: () => 4,
  create: () => ({
    run: ({ row_id, reference }) => {
      const ids = row_id.flatMap((id) => [0, 1, 2, 3].map((i) => id.replace(/\d+$/, String(i))));
      const response = ids.map((id, i) =>
        chance('guess', id) < 0.6 ? reference[Math.floor(i / 4)]![0]! : 'no idea',
      );
      return {
        row_id: ids,
        sample: Int32Array.from(ids, (_, i) => i % 4),
        response,
        response_tokens: raggedInt32(ids.map(() => [1])),
      };
    },
  }),
});

/** Mistaken at the rate 0.03 * points. */
const mistaken = {
  ...verifier(
    (row, { rate }) => {
      const right = row.response === row.reference[0] ? 1 : 0;
      return chance('mistake', row.row_id) < rate * row.points ? 1 - right : right;
    },
    { needs: ['points'], params: z.strictObject({ rate: z.number().default(0.03) }) },
  ),
  name: 'test/mistaken',
};

const none = { ...verifier(() => 0), name: 'test/none' };

const truth = { ...verifier((row) => (row.response === row.reference[0] ? 1 : 0)), name: 'test/truth' };

/** The reference, and half a point of credit for all else. */
const generous = {
  ...verifier((row) => (row.response === row.reference[0] ? 1 : 0.5)),
  name: 'test/generous',
};

const catalogue = stagesWith(guess, mistaken, truth, generous, none);
const options = { catalogue, notice: () => undefined };

describe('pipeline/audit', function () {
  this.timeout(20_000);
  let folder: string;
  let run: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-audit-'));
    run = await recorded('run', '', undefined, '', 4);
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** A run of 200 responses a step without a policy, its verifier mistaken at the rate 0.03 * points. */
  async function recorded(
    name: string,
    rest: string,
    verify = 'verify: { use: test/mistaken }',
    record = '',
    steps = 2,
  ): Promise<string> {
    const yaml = `
rlev: 1
run: { steps: ${steps}, ${record} }
stages:
  prompts: { use: prompts/exam, file: ${process.cwd()}/fixtures/exams/train.jsonl, perStep: 50 }
  rollout: { use: test/guess }
  ${verify}
  ${rest || 'value: { use: value/points }\n  reward: { use: reward/rlev }'}
`;
    const pipeline = resolvePipeline(yaml, join(folder, 'audit.yaml'), { catalogue });
    return (await train(pipeline, { directory: join(folder, name) })).directory!;
  }

  const audited = (more: Partial<AuditOptions> = {}) =>
    audit(run, { ...options, judge: 'test/truth', ...more });

  it('gives the numbers of the whole run where every verdict is drawn', async () => {
    const { rows, sampled, steps, points, reward, only, agreement, by_value } = await audited({
      sample: 'all',
    });
    expect([rows, sampled, steps]).to.deep.equal([800, 800, 4]);
    const batches = await stepsOf(run);
    const worth = numbers(batches, 'points');
    const scale = numbers(batches, 'scale');
    const given = numbers(batches, 'correct');
    const ids = batches.flatMap((batch) => [...batch.getChild('row_id')!]) as string[];
    const right = ids.map((id) => (chance('guess', id) < 0.6 ? 1 : 0));
    const sum = (of: (i: number) => number): number => ids.reduce((total, _, i) => total + of(i), 0);
    const differ = (i: number): number => Math.abs(given[i]! - right[i]!);
    expect(agreement.value).to.be.closeTo(1 - sum(differ) / 800, 1e-12);
    expect(only.recorded!.value).to.be.closeTo(sum((i) => given[i]! * (1 - right[i]!)) / 800, 1e-12);
    expect(only.judge!.value).to.be.closeTo(sum((i) => (1 - given[i]!) * right[i]!) / 800, 1e-12);
    expect(points!.at_stake).to.equal(sum((i) => worth[i]!));
    expect(points!.disputed.value).to.be.closeTo(
      sum((i) => worth[i]! * differ(i)),
      1e-9,
    );
    expect(reward!.disputed.value).to.be.closeTo(
      sum((i) => scale[i]! * differ(i)),
      1e-9,
    );
    for (const { from, to, points: cost } of by_value) {
      const inside = (i: number): boolean => worth[i]! >= from && worth[i]! <= to;
      expect(cost!.disputed.value).to.be.closeTo(
        sum((i) => (inside(i) ? worth[i]! * differ(i) : 0)),
        1e-9,
      );
    }
  });

  it('recovers a rate of mistakes that rises with points, by bucket and overall, from samples', async () => {
    const all = await audited({ sample: 'all' });
    for (const { agreement, points, rows } of all.by_value) {
      const rate = (0.03 * points!.at_stake) / rows;
      const deviation = Math.sqrt((rate * (1 - rate)) / rows);
      expect(agreement.value).to.be.closeTo(1 - rate, 3 * deviation);
    }
    const holds = (estimate: Estimate, { value }: Estimate): boolean =>
      estimate.interval![0] <= value && value <= estimate.interval![1];
    const covered = { points: 0, reward: 0, agreement: 0, kappa: 0, bucket: 0 };
    for (let seed = 0; seed < 10; seed++) {
      const drawn = await audited({ sample: 150, seed });
      expect(drawn.sampled).to.equal(150);
      if (holds(drawn.points!.disputed, all.points!.disputed)) covered.points++;
      if (holds(drawn.reward!.disputed, all.reward!.disputed)) covered.reward++;
      if (holds(drawn.agreement, all.agreement)) covered.agreement++;
      if (holds(drawn.kappa!, all.kappa!)) covered.kappa++;
      if (holds(drawn.by_value[3]!.points!.share, all.by_value[3]!.points!.share)) covered.bucket++;
    }
    // 7 or fewer of 10 would be one chance in 87
    for (const [what, times] of Object.entries(covered)) expect(times, what).to.be.at.least(8);
  });

  it('draws the same verdicts again, and with a larger sample those and more', async () => {
    const [a, again, other, larger] = [
      await audited({ sample: 100, examples: 1000 }),
      await audited({ sample: 100, examples: 1000 }),
      await audited({ sample: 100, examples: 1000, seed: 1 }),
      await audited({ sample: 300, examples: 1000 }),
    ];
    const ids = ({ examples }: typeof a) => examples.map(({ row_id }) => row_id);
    expect(again).to.deep.equal(a);
    expect(ids(other)).not.to.deep.equal(ids(a));
    expect(ids(larger)).to.include.members(ids(a));
    expect(larger.disagreements).to.equal(larger.examples.length);
  });

  it('shows the dearest disagreements first, with both verdicts and what was asked', async () => {
    const { examples, disagreements } = await audited({ sample: 'all', examples: 8 });
    expect(examples).to.have.length(8);
    expect(disagreements).to.be.above(50);
    expect(examples.map(({ cost }) => cost)).to.deep.equal(
      examples.map(({ cost }) => cost).sort((a, b) => b - a),
    );
    const { row_id, step, prompt, reference, response, verdicts, points, scale } = examples[0]!;
    expect(row_id.startsWith(`${step}.`)).to.equal(true);
    expect(prompt).to.be.a('string').that.is.not.empty;
    const right = chance('guess', row_id) < 0.6;
    expect(response).to.equal(right ? reference[0] : 'no idea');
    expect(verdicts).to.deep.equal({
      recorded: { answer: null, correct: right ? 0 : 1 },
      judge: { answer: null, correct: right ? 1 : 0 },
    });
    expect([points, scale]).to.deep.equal([10, 2]);
  });

  it('puts two verifiers side by side, neither of them the recorded one', async () => {
    const { sides, agreement } = await audited({
      judge: undefined as never,
      strict: 'test/truth',
      lenient: { use: 'test/mistaken', rate: 0 },
      sample: 50,
    });
    expect(sides.map(({ name, use }) => [name, use])).to.deep.equal([
      ['strict', 'test/truth'],
      ['lenient', 'test/mistaken'],
    ]);
    expect(agreement.value).to.equal(1);
  });

  it('counts partial credit by how far apart it is', async () => {
    const { points, only } = await audited({ judge: 'test/truth', lenient: 'test/generous', sample: 'all' });
    const wrong = 1 - only.lenient!.value;
    expect(only.judge!.value).to.equal(0);
    expect(points!.share.value).to.be.closeTo((1 - wrong) / 2, 0.05);
    expect(points!.only.lenient!.value).to.equal(points!.disputed.value);
  });

  it('reads a recording of another version, and one of its evaluations', async () => {
    const { rows, sides, by_value } = await audit(smoke, options);
    expect(rows).to.equal(48);
    expect(sides.map(({ name, use }) => [name, use])).to.deep.equal([
      ['strict', 'verify/exact'],
      ['recorded', 'verify/numeric'],
    ]);
    expect(by_value.reduce((sum, part) => sum + part.rows, 0)).to.equal(48);
    const evaluation = await audit(smoke, { ...options, scope: 'eval:heldOut' });
    expect([evaluation.rows, evaluation.steps, evaluation.reward]).to.deep.equal([16, 2, null]);
    expect((await audit(`${smoke}@3/eval:heldOut`, options)).rows).to.equal(8);
    expect((await audit(`${smoke}@1`, options)).rows).to.equal(16);
  });

  it('takes a judge of a module, by its path from the working directory, with parameters', async () => {
    const file = join(folder, 'judge.mjs');
    await writeFile(
      file,
      `import { verifier, z } from ${JSON.stringify(pathToFileURL('src/index.ts').href)};
       export const judge = verifier((row, { least }) => (row.points >= least ? 1 : 0), {
         needs: ['points'], params: z.strictObject({ least: z.number() }) });`,
    );
    const use = `${relative(process.cwd(), file)}#judge`;
    const { only } = await audited({ judge: `{ use: ${use}, least: 99 }`, sample: 40 });
    expect(only.judge!.value).to.equal(0);
  });

  it('sorts by value where questions have no points', async () => {
    const nameless = defineSource({
      name: 'test/nameless',
      summary: 'Questions without points.',
      params: z.strictObject({}),
      adds: () => ['row_id', 'group', 'prompt', 'reference', 'response'],
      create: () => {
        const ids = [0, 1, 2, 3].map((i) => `0.0.${i}.0`);
        const rows = {
          row_id: ids,
          group: Int32Array.of(0, 1, 2, 3),
          prompt: ids,
          reference: ids.map(() => ['1']),
          response: ids.map((_, i) => String(i % 2)),
        };
        return {
          dataset: async () => ({ batch: batchOf(rows), hash: 'h', place: () => ({ file: 'none' }) }),
          next: () => rows,
        };
      },
    });
    const valued = defineMap({
      name: 'test/valued',
      summary: 'Values.',
      params: z.strictObject({}),
      needs: () => ['group'],
      adds: () => ['value'],
      create: () => ({ run: ({ group }) => ({ value: Float64Array.from(group, (g) => (g < 2 ? 0.5 : 2)) }) }),
    });
    const stages = stagesWith(nameless, valued, none);
    const make = async (name: string, rest: string): Promise<string> => {
      const yaml = `rlev: 1\nrun: { steps: 1 }\nstages:\n  prompts: { use: test/nameless }\n  verify: { use: verify/exact }\n${rest}`;
      const pipeline = resolvePipeline(yaml, join(folder, 'n.yaml'), { catalogue: stages });
      return (await train(pipeline, { directory: join(folder, name) })).directory!;
    };
    const valuable = await make('valued', '  value: { use: test/valued }\n');
    const { unit, by_value, points, reward } = await audit(valuable, {
      catalogue: stages,
      judge: 'test/none',
    });
    expect([unit, reward, points!.at_stake]).to.deep.equal(['value', null, 5]);
    expect(by_value.map(({ label }) => label)).to.deep.equal(['v = 0.5', 'v = 2']);
    expect(points!.only.recorded!.value).to.be.closeTo(2.5, 1e-12);

    const worthless = await make('worthless', '');
    const error = await errorOf(() => audit(worthless, { catalogue: stages, judge: 'test/none' }));
    expect(error.code).to.equal('run/not-found');
    expect(error.message).to.match(/recorded neither points nor value/);
  });

  it('needs no data file, but for a verifier that looks at all questions', async () => {
    const elsewhere = join(folder, 'elsewhere', 'run');
    await cp(smoke, elsewhere, { recursive: true });
    expect((await audit(elsewhere, { ...options, judge: 'test/none' })).rows).to.equal(48);
    const error = await errorOf(() => audit(elsewhere, { ...options, judge: 'verify/choice' }));
    expect(error.message).to.match(/looks at all questions before it begins, and they are gone/);
  });

  it('computes again what a lean recording did not keep', async () => {
    const lean = await recorded('lean', '', undefined, 'record: lean');
    const { run: _, ...expected } = await audited({ sample: 200, steps: { from: 0, to: 1 } });
    const { run: __, ...found } = await audit(lean, { ...options, judge: 'test/truth', sample: 200 });
    expect(found).to.deep.equal(expected);
  });

  describe('refuses', () => {
    const messageOf = async (more: Partial<AuditOptions>, of = run): Promise<string> =>
      (await errorOf(() => audit(of, { ...options, ...more }))).message;

    it('a verifier that is not there, with the one that may be meant', async () => {
      expect(await messageOf({ strict: 'verify/exat' })).to.equal(
        '--strict: config/unknown-stage: No verifier is called "verify/exat".\n  Did you mean `verify/exact`?',
      );
    });

    it('parameters that it does not take', async () => {
      const message = await messageOf({ lenient: '{ use: verify/numeric, rell: 0.1 }' });
      expect(message)
        .to.match(/--lenient: config\/unknown-key: .*rell/)
        .and.match(/Did you mean `rel`\?/);
    });

    it('a stage that is no verifier', async () => {
      expect(await messageOf({ judge: 'reward/rlev' })).to.match(
        /reward\/rlev is no verifier: it does not add `correct`/,
      );
    });

    it('two sides that are one, and three', async () => {
      expect(await messageOf({ judge: 'test/mistaken' })).to.match(/Both sides are test\/mistaken/);
      const three = { strict: 'verify/exact', lenient: 'verify/auto', judge: 'test/truth' };
      expect(await messageOf(three)).to.match(/two verifiers side by side, and three are named/);
    });

    it('a verifier whose columns the run lacks', async () => {
      const needy = { ...verifier(() => 1, { needs: ['data.rubric'] }), name: 'test/needy' };
      const message = await messageOf({ catalogue: stagesWith(guess, mistaken, needy), judge: 'test/needy' });
      expect(message).to.match(/--judge: .*test\/needy needs the column data\.rubric/);
    });

    it('a run without verdicts', async () => {
      const silent = await recorded('silent', 'value: { use: value/points }', '');
      expect(await messageOf({ strict: 'verify/exact' }, silent)).to.match(
        /has no verdicts: no stage of train adds `correct`\.\n {2}Its stages are prompts \(prompts\/exam\), /,
      );
    });

    it('steps and evaluations that are not there, and a sample too small', async () => {
      expect(await messageOf({ steps: { from: 9, to: 12 } })).to.match(/no verdict among the steps/);
      expect(await messageOf({ scope: 'eval:heldout' }, smoke)).to.match(/Did you mean `heldOut`\?/);
      expect(await messageOf({ sample: 4 })).to.match(/A sample of 4 is too small for 5 buckets/);
    });
  });

  it('counts the verdicts of all rounds, also those by which a filter dropped rows', async () => {
    const filter = 'signal: { use: select/signal, refill: { groups: 49, rounds: 2 } }';
    const filtered = await recorded(
      'filtered',
      `${filter}\n  value: { use: value/points }\n  reward: { use: reward/rlev }`,
    );
    const { rows, points, reward, steps } = await audit(filtered, {
      ...options,
      judge: 'test/truth',
      sample: 'all',
    });
    // two rounds of 50 prompts x 4 responses a step
    expect([rows, steps]).to.deep.equal([800, 2]);
    const kept = await stepsOf(filtered);
    expect(reward!.at_stake).to.be.closeTo(
      numbers(kept, 'scale').reduce((sum, s) => sum + s, 0),
      1e-9,
    );
    expect(points!.at_stake).to.be.above(numbers(kept, 'points').reduce((sum, p) => sum + p, 0));
  });

  it('passes on the error of a verifier, with its side and row', async () => {
    const failing = { ...verifier(() => 2), name: 'test/failing' };
    const error = await errorOf(() =>
      audit(run, { catalogue: stagesWith(guess, mistaken, failing), judge: 'test/failing', sample: 20 }),
    );
    expect(error.message).to.match(
      /^--judge: stage\/contract: Stage verify \(test\/failing\), step 0: .*row 0\.0\./,
    );
  });
});
