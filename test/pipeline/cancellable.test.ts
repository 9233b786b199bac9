import { expect } from 'chai';
import { cancellable } from '../../src/pipeline/cancellable.ts';
import { errorOf } from '../support/stage.ts';

describe('work that can be cancelled', () => {
  it('says that it was, whatever it throws because of that', async () => {
    const outer = new AbortController();
    const work = (signal: AbortSignal): Promise<never> =>
      new Promise((_, reject) => {
        signal.addEventListener('abort', () => reject(new Error('the socket is closed')));
        outer.abort();
      });
    const error = await errorOf(() => cancellable(outer.signal, 'The replay', work), 'run/cancelled');
    expect(error.summary).to.equal('The replay was cancelled.');
  });

  it('is cancelled at once where it was before it began', async () => {
    const work = async (signal: AbortSignal): Promise<void> => signal.throwIfAborted();
    await errorOf(() => cancellable(AbortSignal.abort(), 'The replay', work), 'run/cancelled');
  });

  it('fails as it does where nobody cancelled it', async () => {
    const failure = new Error('out of tune');
    const failed = await cancellable(new AbortController().signal, 'The replay', () =>
      Promise.reject(failure),
    ).catch((error: unknown) => error);
    expect(failed).to.equal(failure);
  });
});
