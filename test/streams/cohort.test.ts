import { expect } from 'chai';
import { columnOf } from '../../src/core/batch.ts';
import { RlevError } from '../../src/core/errors.ts';
import { applyStage, type Cohort, emptyCohort, type WiredStage } from '../../src/streams/cohort.ts';
import { recordNothing } from '../../src/streams/record.ts';
import { eventAt, map, memoryRecorder, source, wire } from '../support/flow.ts';

async function through(stages: readonly WiredStage[], record = recordNothing): Promise<Cohort> {
  let cohort = emptyCohort(eventAt(4));
  for (const stage of stages) cohort = await applyStage(stage, cohort, record);
  return cohort;
}

async function failure(promise: Promise<unknown>): Promise<RlevError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof RlevError) return error;
    throw error;
  }
  throw new RlevError({ code: 'usage/arguments', message: 'Nothing was thrown.' });
}

const value = map('value', ['points'], ['value'], ({ points }) => ({ value: points.map((p) => p / 100) }));

describe('a stage applied to a cohort', () => {
  it('adds its columns and leaves those that were there', async () => {
    const { batch } = await through([source(2), value]);
    expect(columnOf(batch, 'value')).to.deep.equal(Float64Array.of(4, 4.01));
    expect(columnOf(batch, 'row_id')).to.deep.equal(['4.0.0.0', '4.0.1.0']);
  });

  it('is given exactly the columns it needs', async () => {
    let given: string[] = [];
    const nosy = map('nosy', ['points'], ['value'], (columns) => {
      given = Object.keys(columns);
      return { value: columns.points };
    });
    await through([source(2), nosy]);
    expect(given).to.deep.equal(['points']);
  });

  it('works on copies: what it does to the columns it is given reaches nobody', async () => {
    const vandal = map('vandal', ['points', 'value'], ['scale'], ({ points, value: v }) => {
      points.fill(-1);
      v.fill(-1);
      return { scale: v };
    });
    const { batch } = await through([source(2), value, vandal]);
    expect(columnOf(batch, 'points')).to.deep.equal(Float64Array.of(400, 401));
    expect(columnOf(batch, 'value')).to.deep.equal(Float64Array.of(4, 4.01));
  });

  it('records what it added, with row ids, and from which events it read', async () => {
    const { record, deeds } = memoryRecorder();
    const scale = map('scale', ['value', 'group'], ['scale'], ({ value: v }) => ({ scale: v }));
    await through([source(1), value, scale], record);
    expect(deeds.map((d) => [d.stage, Object.keys(d.columns!), d.parents])).to.deep.equal([
      ['prompts', ['row_id', 'group', 'points'], []],
      ['value', ['row_id', 'value'], ['prompts@4']],
      ['scale', ['row_id', 'scale'], ['prompts@4', 'value@4']],
    ]);
  });

  it('expands each row by what it declares, in place', async () => {
    const rollout = map(
      'rollout',
      ['row_id'],
      ['row_id', 'sample'],
      ({ row_id }) => ({
        row_id: row_id.flatMap((id) => [id, id.replace(/0$/, '1')]),
        sample: Int32Array.of(0, 1, 0, 1),
      }),
      { expands: () => 2, replaces: () => ['row_id'] },
    );
    const { batch } = await through([source(2), rollout, value]);
    expect(columnOf(batch, 'row_id')).to.deep.equal(['4.0.0.0', '4.0.0.1', '4.0.1.0', '4.0.1.1']);
    expect(columnOf(batch, 'points')).to.deep.equal(Float64Array.of(400, 400, 401, 401));
    expect(columnOf(batch, 'value')).to.deep.equal(Float64Array.of(4, 4, 4.01, 4.01));
  });

  it('selects rows by id, in the order it names', async () => {
    const { record, deeds } = memoryRecorder();
    const select = wire('select', { kind: 'select', needs: () => ['points'] } as never, {
      run: () => ({ keep: ['4.0.2.0', '4.0.0.0'] }),
    });
    const { batch } = await through([source(3), select, value], record);
    expect(columnOf(batch, 'points')).to.deep.equal(Float64Array.of(402, 400));
    expect(deeds[1]!.data).to.deep.equal({ keep: ['4.0.2.0', '4.0.0.0'] });
    expect(deeds[2]!.parents).to.deep.equal(['select@4', 'prompts@4']);
  });

  it('keeps the answer of an update stage', async () => {
    const answer = { metrics: { loss: 0.5 }, version: 5, hash: 'abc' };
    const { record, deeds } = memoryRecorder();
    const update = wire('optimize', { kind: 'update', needs: () => ['points'] } as never, {
      run: async () => answer,
    });
    const cohort = await through([source(1), update], record);
    expect(cohort.update).to.deep.equal(answer);
    expect(deeds[1]!.data).to.deep.equal(answer);
  });

  const breaches: [string, WiredStage, RegExp][] = [
    [
      'returns a column it does not declare',
      map('bad', [], [], () => ({ scale: Float64Array.of(1) })),
      /scale, which it does not declare/,
    ],
    [
      'leaves out a column it declares',
      map('bad', [], ['value', 'scale'], () => ({ value: Float64Array.of(1) })),
      /did not return scale/,
    ],
    [
      'returns another number of rows',
      map('bad', [], ['value'], () => ({ value: Float64Array.of(1, 2) })),
      /2 rows of value for 1/,
    ],
    [
      'returns another type',
      map('bad', [], ['value'], () => ({ value: ['1'] })),
      /Column value must be float64/,
    ],
    [
      'returns nothing',
      map('bad', [], ['value'], () => undefined as never),
      /returned undefined, no columns/,
    ],
    [
      'returns what is no column',
      map('bad', [], ['value'], () => ({ value: 1 })),
      /returned 1 as value, which is no column/,
    ],
    [
      'selects a row it was not given',
      wire('bad', { kind: 'select', needs: () => [] } as never, { run: () => ({ keep: ['9.0.0.0'] }) }),
      /the row 9\.0\.0\.0/,
    ],
  ];
  for (const [what, stage, message] of breaches) {
    it(`that ${what} is named with step and place`, async () => {
      const error = await failure(through([source(1), stage]));
      expect(error.code).to.equal('stage/contract');
      expect(error.message)
        .to.match(message)
        .and.to.match(/^test\.yaml:3:5: .*Stage bad \(test\/bad\), step 4/);
    });
  }

  it('that throws is named with step and place, and the cause is kept', async () => {
    const cause = new TypeError('x is not a function');
    const stage = map('bad', [], ['value'], () => {
      throw cause;
    });
    const error = await failure(through([source(1), stage]));
    expect(error.code).to.equal('stage/failed');
    expect(error.message).to.match(
      /^test\.yaml:3:5: stage\/failed: Stage bad \(test\/bad\), step 4: x is not a function\n {2}Thrown at .*cohort\.test\.ts:\d+:\d+\.$/,
    );
    expect(error.cause).to.equal(cause);
  });

  const thrown: [unknown, string][] = [
    ['no luck', 'no luck'],
    [undefined, 'it threw undefined.'],
    [{ reason: 'no luck' }, "it threw { reason: 'no luck' }."],
    [Object.create(null), 'it threw [Object: null prototype] {}.'],
    [new RangeError(), 'RangeError'],
  ];
  for (const [what, message] of thrown) {
    it(`that throws ${message} is named as well, whatever that is`, async () => {
      const stage = map('bad', [], ['value'], () => {
        throw what;
      });
      const error = await failure(through([source(1), stage]));
      const [line] = error.message.split('\n');
      expect(line).to.equal(`test.yaml:3:5: stage/failed: Stage bad (test/bad), step 4: ${message}`);
    });
  }
});
