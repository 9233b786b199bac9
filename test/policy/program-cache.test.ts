import { expect } from 'chai';
import type { Engine, TensorProgram } from '../../src/engine/engine.ts';
import { ProgramCache } from '../../src/policy/program-cache.ts';

/** An engine that notes what is compiled and released. */
function notingEngine(notes: string[]): Engine {
  return {
    name: 'reference',
    device: 'none',
    versions: {},
    async compile({ name }) {
      notes.push(`compile ${name}`);
      return {
        outputs: {},
        run: async () => ({}),
        release: async () => void notes.push(`release ${name}`),
      };
    },
    close: async () => {},
  };
}

const program = (name: string) => (): TensorProgram => ({ name, inputs: {}, run: () => ({}) });

describe('policy/program-cache', () => {
  it('compiles once, releases the least recently used beyond its limit, and the rest when closed', async () => {
    const notes: string[] = [];
    const cache = new ProgramCache(notingEngine(notes), 2);
    const a = await cache.get('a', program('a'));
    await cache.get('b', program('b'));
    expect(await cache.get('a', program('other'))).to.equal(a);
    await cache.get('c', program('c'));
    expect(notes).to.deep.equal(['compile a', 'compile b', 'compile c', 'release b']);
    expect(cache.size).to.equal(2);
    await cache.close();
    expect(notes.slice(4)).to.deep.equal(['release a', 'release c']);
  });
});
