import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { createStage, stageEvent } from '../../../src/stages/create-stage.ts';
import { passRate, passRateValue, type Tally, tallied } from '../../../src/stages/value/pass-rate.ts';
import { errorOf } from '../../support/stage.ts';
import { datasetOf, worth } from './data.ts';

const standard = { form: 'difficulty', prior: 0.5, weight: 4 } as const;

/** A cohort from a text: `aaab 1101` is three responses to a and one to b, the third wrong. */
function cohort(text: string, role?: readonly string[]): never {
  const [ids, marks] = text.split(' ') as [string, string];
  return {
    prompt_id: [...ids],
    role: role ?? [...ids].map(() => 'sample'),
    correct: Float32Array.from(marks, Number),
  } as never;
}

async function passRates(params: object = {}) {
  const stage = await createStage(passRate, { ...params });
  await stage.prepare!(worth(10, 20, 30));
  const run = async (text: string, role?: readonly string[]): Promise<number[]> => [
    ...(await stage.run(cohort(text, role), stageEvent())).value,
  ];
  return { stage, run };
}

describe('value/pass-rate', () => {
  it('is 1 minus the success so far: the prior at first, then that of earlier steps, decayed', async () => {
    const { run } = await passRates({ prior: 0.25, weight: 4, decay: 0.5 });
    expect(await run('aaaa 1110')).to.deep.equal([0.75, 0.75, 0.75, 0.75]);
    // (0.25 * 4 + 3) / (4 + 4)
    expect(await run('ab 00')).to.deep.equal([0.5, 0.75]);
    // (1 + 0.5 * 3 + 0) / (4 + 0.5 * 4 + 1), and (1 + 0) / (4 + 1)
    expect(await run('ab 11')).to.deep.equal([1 - 2.5 / 7, 0.8]);
  });

  it('is one number for all responses to a question, whatever they are', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { minLength: 2, maxLength: 8 }), async (right) => {
        const { run } = await passRates();
        await run('aab 101');
        const marks = right.map(Number).join('');
        const values = await run(`${'a'.repeat(right.length)} ${marks}`);
        expect(new Set(values).size).to.equal(1);
        expect(values[0]).to.equal(1 - (0.5 * 4 + 1) / (4 + 2));
      }),
      { numRuns: 30 },
    );
  });

  it('does not depend on the order of responses, and counts no greedy ones', async () => {
    const [one, other] = [await passRates(), await passRates()];
    await one.run('aabb 1001');
    await other.run('baba 1001', ['sample', 'sample', 'sample', 'sample']);
    const greedy = await passRates();
    await greedy.run('aaabb 11001', ['greedy', 'sample', 'sample', 'sample', 'sample']);
    const values = await one.run('ab 00');
    expect(await other.run('ab 00')).to.deep.equal(values);
    expect(await greedy.run('ab 00')).to.deep.equal(values);
  });

  it('may be largest where half succeed', () => {
    const at = (right: number): number =>
      passRateValue({ tried: 96, right }, { form: 'uncertainty', prior: 0.5, weight: 4 });
    expect(at(48)).to.equal(1);
    expect(at(73)).to.equal(4 * 0.75 * 0.25);
  });

  it('shares what is known among questions that are alike in a column', async () => {
    const stage = await createStage(passRate, { by: 'data.kind', decay: 1 });
    await stage.prepare!(
      datasetOf([
        { id: 'a', kind: 'sum' },
        { id: 'b', kind: 'sum' },
      ]),
    );
    const rows = (text: string) => ({ ...(cohort(text) as object), 'data.kind': ['sum', 'sum'] }) as never;
    await stage.run(rows('aa 11'), stageEvent());
    const { value } = await stage.run(rows('bb 00'), stageEvent());
    expect([...value]).to.deep.equal([1 - 4 / 6, 1 - 4 / 6]);
    const lost = await createStage(passRate, { by: 'data.kid' });
    const error = await errorOf(() => lost.prepare!(datasetOf([{ id: 'a', kind: 'sum' }])), 'config/columns');
    expect(error.help).to.equal('Did you mean `data.kind`?');
  });

  it('stays within [0, 1]', () => {
    const unit = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(fc.array(unit, { maxLength: 5 }), { maxLength: 5 }),
        unit,
        unit,
        (cohorts, decay, prior) => {
          let tallies: ReadonlyMap<string, Tally> = new Map();
          for (const marks of cohorts)
            tallies = tallied(
              tallies,
              marks.map(() => 'a'),
              marks,
              () => true,
              decay,
            );
          return (['difficulty', 'uncertainty'] as const).every((form) => {
            const v = passRateValue(tallies.get('a'), { ...standard, form, prior });
            return v >= 0 && v <= 1;
          });
        },
      ),
    );
  });

  it('goes on after a save and a load as if it had not been stopped', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'rlev-pass-rate-'));
    const [whole, first, second] = [await passRates(), await passRates(), await passRates()];
    for (const { run } of [whole, first]) {
      await run('aab 101');
      await run('bba 001');
    }
    const directory = join(folder, 'stages', 'value');
    await first.stage.save!(directory);
    await second.stage.load!(directory);
    for (const text of ['aab 011', 'abc 111', 'cab 000']) {
      expect(await second.run(text)).to.deep.equal(await whole.run(text));
    }
    rmSync(folder, { recursive: true });
  });

  it('says once where no question will be met twice, and all are valued by the prior', async () => {
    const notices = async (steps: number, params: object): Promise<number> => {
      let said = 0;
      const setup = { steps, notice: () => void said++ };
      const stage = await createStage(passRate, { ...params }, setup);
      await stage.prepare!(datasetOf([...'abcd'].map((id) => ({ id, kind: id < 'c' ? 'sum' : 'mean' }))));
      const rows = { ...(cohort('aabb 1010') as object), 'data.kind': ['sum', 'sum', 'sum', 'sum'] } as never;
      await stage.run(rows, stageEvent());
      await stage.run(rows, stageEvent({ step: 1 }));
      return said;
    };
    expect(await notices(2, {})).to.equal(1);
    expect(await notices(3, {})).to.equal(0);
    expect(await notices(3, { by: 'data.kind' })).to.equal(0);
  });

  it('begins anew in a run that is forked from one with other values, and says so', async () => {
    const notices: string[] = [];
    const stage = await createStage(passRate, {}, { notice: (text) => void notices.push(text) });
    await stage.load!('no/such/folder');
    const { value } = await stage.run(cohort('a 1'), stageEvent());
    expect([...value]).to.deep.equal([0.5]);
    expect(notices[0]).to.match(/^The checkpoint has no tallies\.json: .* begins anew\.$/);
  });

  it('gives an evaluation the real values, and learns nothing from it', async () => {
    const { stage, run } = await passRates();
    const { value } = await stage.run(cohort('abc 111'), stageEvent({ scope: 'eval:heldOut' }));
    expect([...value]).to.deep.equal([0.1, 0.2, 0.3]);
    expect(await run('abc 000')).to.deep.equal([0.5, 0.5, 0.5]);
  });
});
