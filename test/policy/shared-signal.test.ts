import { expect } from 'chai';
import { sharedSignal, shareSignal } from '../../src/policy/shared-signal.ts';

describe('policy/shared-signal', () => {
  it('shows an abort in every thread that holds the flag, without a message', () => {
    const controller = new AbortController();
    const { flag } = shareSignal(controller.signal);
    const other = sharedSignal(flag);
    expect(other.aborted).to.equal(false);
    controller.abort();
    expect(other.aborted).to.equal(true);
  });

  it('is raised at once by a signal that fired before, or by hand', () => {
    expect(sharedSignal(shareSignal(AbortSignal.abort()).flag).aborted).to.equal(true);
    const shared = shareSignal();
    shared.raise();
    expect(sharedSignal(shared.flag).aborted).to.equal(true);
  });

  it('no longer listens once released', () => {
    const controller = new AbortController();
    const shared = shareSignal(controller.signal);
    shared.release();
    controller.abort();
    expect(sharedSignal(shared.flag).aborted).to.equal(false);
  });
});
