import { setTimeout } from 'node:timers/promises';
import { expect } from 'chai';
import { OneAtATime } from '../../src/policy/one-at-a-time.ts';

describe('policy/one-at-a-time', () => {
  it('runs work in the order it was asked for, one after the other, past failures', async () => {
    const queue = new OneAtATime();
    const notes: string[] = [];
    const work = (name: string, fails = false): Promise<string> =>
      queue.run(async () => {
        notes.push(`${name} starts`);
        await setTimeout(2);
        notes.push(`${name} ends`);
        if (fails) throw new RangeError(name);
        return name;
      });
    const results = await Promise.allSettled([work('a'), work('b', true), work('c')]);
    expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
    expect(notes).to.deep.equal(['a', 'b', 'c'].flatMap((name) => [`${name} starts`, `${name} ends`]));
  });
});
