import { expect } from 'chai';
import fc from 'fast-check';
import {
  foldProgress,
  noProgress,
  type ProgressEvent,
  type ProgressState,
  progressLine,
  secondsLeft,
  tokensPerSecond,
} from '../../src/report/progress.ts';

const stateAfter = (...events: ProgressEvent[]): ProgressState => events.reduce(foldProgress, noProgress);
const start = (steps: number, evaluations: number[] = []): ProgressEvent => ({
  kind: 'start',
  at: 0,
  steps,
  evaluations,
});
const step = (n: number, seconds: number, figures = {}): ProgressEvent => ({
  kind: 'step',
  at: 1000 * seconds,
  step: n,
  ...figures,
});
const evaluating = (seconds: number): ProgressEvent => ({
  kind: 'evaluating',
  at: 1000 * seconds,
  name: 'heldOut',
});
const evaluated = (seconds: number): ProgressEvent => ({ kind: 'evaluated', at: 1000 * seconds });
const tick = (seconds: number): ProgressEvent => ({ kind: 'tick', at: 1000 * seconds });

describe('report/progress', () => {
  const figures = { reward: 0.613, hAccuracy: 0.412, tokens: 2468 };

  it('shows step, reward, H-Acc, tokens a second and the time left', () => {
    const state = stateAfter(start(60), step(12, 2, figures));
    expect(progressLine(state)).to.equal('step 12/60  reward 0.61  H-Acc 41%  1,234 tok/s  1:36 left');
  });

  it('adds loss and KL where they are given', () => {
    const state = stateAfter(start(9), step(1, 2, { ...figures, loss: -0.01234, kl: 0.00057 }));
    expect(progressLine(state)).to.include('loss -0.012  KL 0.0006');
  });

  it('shows what it is given only, and no number for H-Acc without value', () => {
    expect(progressLine(stateAfter(start(9), step(1, 2)))).to.equal('step 1/9  0:16 left');
    expect(progressLine(stateAfter(start(9), step(1, 2, { hAccuracy: null })))).to.include('H-Acc -');
    expect(progressLine(stateAfter(start(9)))).to.equal('step 0/9');
    expect(progressLine(stateAfter(start(9), step(1, 2, { loss: Number.NaN })))).to.include('loss NaN');
  });

  it('never outgrows the terminal, and keeps step and time left longest', () => {
    const state = stateAfter(start(60), step(12, 2, { ...figures, loss: 1, kl: 0.1 }));
    for (let columns = 0; columns < 120; columns++) {
      expect(progressLine(state, columns).length).to.be.at.most(columns);
    }
    expect(progressLine(state, 59)).to.equal('step 12/60  reward 0.61  H-Acc 41%  1,234 tok/s  1:36 left');
    expect(progressLine(state, 24)).to.equal('step 12/60  1:36 left');
  });

  it('expects the steps to come to take the median of the latest ten', () => {
    // The first step compiles for 30 s; the others take 2 s.
    const steps = [1, 2, 3, 4, 5].map((n) => step(n, 30 + 2 * (n - 1)));
    expect(secondsLeft(stateAfter(start(10), ...steps))).to.equal(10);
    const slower = Array.from({ length: 20 }, (_, i) => step(i + 1, i < 10 ? i + 1 : 10 + 3 * (i - 9)));
    expect(secondsLeft(stateAfter(start(21), ...slower))).to.equal(3);
  });

  it('counts the evaluations that are due, and leaves them out of the steps', () => {
    const first = [start(4, [0, 2, 4]), evaluating(0), evaluated(5)];
    expect(secondsLeft(stateAfter(...first, step(1, 6)))).to.equal(3 + 2 * 5);
    const second = [...first, step(1, 6), step(2, 7)];
    expect(secondsLeft(stateAfter(...second))).to.equal(2 + 2 * 5);
    expect(secondsLeft(stateAfter(...second, evaluating(7), tick(9)))).to.equal(2 + 5 + 3);
    const third = [...second, evaluating(7), evaluated(12)];
    expect(secondsLeft(stateAfter(...third))).to.equal(2 + 5);
    expect(secondsLeft(stateAfter(...third, step(3, 13), step(4, 14)))).to.equal(5);
    expect(
      secondsLeft(stateAfter(...third, step(3, 13), step(4, 14), evaluating(14), evaluated(19))),
    ).to.equal(0);
  });

  it('counts down inside a step, and waits at its end when it is late', () => {
    const state = stateAfter(start(4), step(1, 10), step(2, 20));
    expect(secondsLeft(foldProgress(state, tick(23)))).to.equal(17);
    expect(secondsLeft(foldProgress(state, tick(99)))).to.equal(10);
  });

  it('takes tokens a second over the latest steps, evaluations apart', () => {
    const state = stateAfter(
      start(9),
      step(1, 2, { tokens: 100 }),
      evaluating(2),
      evaluated(50),
      step(2, 54, { tokens: 500 }),
    );
    expect(tokensPerSecond(state)).to.equal(100);
  });

  it('says what it evaluates and how far it has come', () => {
    const state = stateAfter(start(60), step(20, 2, figures), {
      kind: 'evaluating',
      at: 2000,
      name: 'heldOut',
      done: 400,
      total: 1000,
    });
    expect(progressLine(state)).to.equal('step 20/60  evaluating heldOut 400/1,000  1:20 left');
  });

  it('says at the end how long it took', () => {
    const state = stateAfter(start(1), step(1, 125, figures), { kind: 'finish', at: 125_000 });
    expect(progressLine(state)).to.equal('step 1/1  reward 0.61  H-Acc 41%  20 tok/s  2:05 in all');
  });

  it('starts from where a resumed run stood', () => {
    const state = stateAfter({ kind: 'start', at: 5000, steps: 60, done: 40 });
    expect(progressLine(state)).to.equal('step 40/60');
    expect(secondsLeft(foldProgress(state, step(41, 6)))).to.equal(19);
  });

  it('never promises a negative time, whatever happens', () => {
    const kinds = fc.constantFrom('step', 'evaluating', 'evaluated', 'tick');
    fc.assert(
      fc.property(fc.array(fc.tuple(kinds, fc.nat(5000)), { maxLength: 40 }), (happenings) => {
        let state = stateAfter(start(8, [0, 4, 8]));
        for (const [kind, ms] of happenings) {
          const at = state.at + ms;
          const next = Math.min(8, state.step + 1);
          if (kind === 'step') state = foldProgress(state, { kind, at, step: next, tokens: 5 });
          else if (kind === 'evaluating') state = foldProgress(state, { kind, at, name: 'e' });
          else state = foldProgress(state, { kind: kind as 'tick', at });
          expect(secondsLeft(state) ?? 0).to.be.at.least(0);
          expect(progressLine(state)).not.to.match(/NaN|Infinity|undefined/);
        }
      }),
    );
  });
});
