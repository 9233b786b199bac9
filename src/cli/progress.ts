import { figuresOf } from '../pipeline/run/figures.ts';
import type { RunEvent } from '../pipeline/run/run.ts';
import { fixed, percent } from '../report/format.ts';
import { foldProgress, noProgress, type ProgressEvent, progressLine } from '../report/progress.ts';
import { type Summary, summarize } from '../report/statistics.ts';

/** Progress of a run on a stream: one live line on a terminal, plain lines elsewhere. */
export interface ProgressView {
  tell(event: RunEvent): void;
  /** @param done whether the run came to its end. */
  end(done: boolean): void;
}

export function progressOn(out: NodeJS.WriteStream): ProgressView {
  const live = out.isTTY === true;
  let state = noProgress;
  let drawn = false;
  const clear = (): void => {
    if (drawn) out.write('\r\x1b[2K');
    drawn = false;
  };
  const show = (event: ProgressEvent, plain: boolean): void => {
    state = foldProgress(state, event);
    if (live) {
      clear();
      out.write(progressLine(state, (out.columns ?? 80) - 1));
      drawn = true;
    } else if (plain) {
      out.write(`${progressLine(state)}\n`);
    }
  };
  const ticking = live
    ? setInterval(() => show({ kind: 'tick', at: performance.now() }, false), 500)
    : undefined;
  ticking?.unref();
  return {
    tell(event) {
      const at = performance.now();
      switch (event.type) {
        case 'opened':
          show(
            {
              kind: 'start',
              at,
              steps: event.pipeline.run.steps,
              done: event.from,
              evaluations: event.evaluations,
            },
            false,
          );
          break;
        case 'evaluating':
          show({ kind: 'evaluating', at, name: event.branch }, true);
          break;
        case 'evaluated':
          clear();
          out.write(`${evaluationLine(event.branch, event.step, summarize(event.evaluation))}\n`);
          show({ kind: 'evaluated', at }, false);
          break;
        case 'step': {
          const { loss, approx_kl, updates = 0 } = event.metrics;
          show(
            {
              kind: 'step',
              at,
              step: event.step,
              ...figuresOf(event.cohort.batch),
              ...(loss !== undefined && { loss }),
              ...(event.cohort.event.round > 0 && { rounds: event.cohort.event.round + 1 }),
              // before the second update of a step the policy is the one that sampled
              ...(approx_kl !== undefined && updates > 1 && { kl: approx_kl }),
            },
            true,
          );
          break;
        }
      }
    },
    end(done) {
      clearInterval(ticking);
      if (state === noProgress) return;
      if (done) show({ kind: 'finish', at: performance.now() }, true);
      if (drawn) out.write('\n');
    },
  };
}

/** `heldOut after 20 steps: H-Acc 41.3%  accuracy 40.2%  mean length 12.1 tokens (1,280 questions)`. */
function evaluationLine(
  branch: string,
  step: number,
  { n, h_accuracy, accuracy, mean_length }: Summary,
): string {
  const when = step === 0 ? 'before training' : `after ${step} step${step === 1 ? '' : 's'}`;
  const hAcc = h_accuracy === null ? '-' : percent(h_accuracy);
  return `${branch} ${when}: H-Acc ${hAcc}  accuracy ${percent(accuracy)}  mean length ${fixed(mean_length, 1)} tokens (${fixed(n)} questions)`;
}
