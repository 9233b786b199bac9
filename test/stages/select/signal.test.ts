import { expect } from 'chai';
import fc from 'fast-check';
import { rowsWithSignal, signal } from '../../../src/stages/select/signal.ts';
import { batch, createStage, stageEvent } from '../../../src/testing/index.ts';

describe('select/signal', () => {
  it('drops prompts whose responses are all right, all wrong or equally right in part', async () => {
    const stage = await createStage(signal);
    const columns = batch({
      group: [0, 0, 1, 1, 2, 2, 3, 3],
      correct: [1, 1, 1, 0, 0, 0, 0.5, 0.5],
    });
    const { keep } = await stage.run(columns, stageEvent());
    expect(keep).to.deep.equal(['0.0.1.0', '0.0.1.1']);
  });

  it('keeps what it keeps in its order, where groups are mixed', () => {
    expect(rowsWithSignal([1, 0, 0, 1, 1], Int32Array.of(4, 2, 4, 2, 7))).to.deep.equal([0, 1, 2, 3]);
  });

  it('has nothing to keep of a response alone', () => {
    expect(rowsWithSignal([1], Int32Array.of(0))).to.deep.equal([]);
  });

  it('looks at correct, never at the reward: keeps a prompt if and only if its answers are judged unlike', () => {
    expect(signal.needs({})).to.not.include.members(['reward']);
    expect(signal.needs({})).to.include('correct');
    const answer = fc.record({ group: fc.integer({ min: 0, max: 3 }), right: fc.boolean() });
    fc.assert(
      fc.property(fc.array(answer, { maxLength: 16 }), (rows) => {
        const groups = Int32Array.from(rows, ({ group }) => group);
        const correct = Float32Array.from(rows, ({ right }) => (right ? 1 : 0));
        const kept = rowsWithSignal(correct, groups);
        for (const group of new Set(groups)) {
          const verdicts = new Set(rows.filter((row) => row.group === group).map(({ right }) => right));
          const rowsOfGroup = kept.filter((i) => groups[i] === group);
          expect(rowsOfGroup.length > 0).to.equal(verdicts.size === 2);
        }
      }),
    );
  });
});
