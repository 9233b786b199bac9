import { setImmediate } from 'node:timers/promises';
import { RlevError } from '../core/errors.ts';
import type { OptimizerSpec } from '../core/services.ts';
import { adamState, adamwUpdate, clipCoefficient, norm } from './adamw.ts';
import type { PolicyWeights } from './checkpoint.ts';
import { type ParameterLayout, parameterViews, weightsHash } from './parameters.ts';
import { throwIfCancelled } from './scorer.ts';
import type { TrainerState } from './trainer-state.ts';

/** What one micro-batch gives: `loss`, its part of the update's loss; `sum/<metric>`; `grad/<parameter>`. */
type PartOfUpdate = Readonly<Record<string, ArrayLike<number>>>;

/** One optimizer update. */
export interface UpdateJob<B> {
  readonly batches: Iterable<B>;
  run(batch: B, weights: Record<string, Float32Array>): Promise<PartOfUpdate>;
  /** Counted tokens of all micro-batches together: what the sums of metrics are divided by. */
  readonly tokens: number;
  readonly optimizer: OptimizerSpec;
  readonly lr: number;
}

/** Weights under training: those of a policy or of a critic, AdamW's memory of them, and their published versions. */
export class Learner {
  /** What messages call it. */
  readonly #name: 'policy' | 'critic';
  readonly #keep: number;
  readonly #gradient: Float32Array;
  #weights: PolicyWeights;
  #adam;
  #steps = 0;
  #versions: Map<number, Float32Array>;

  /** @param start version 0; copied. @param keep versions that stay */
  constructor(name: 'policy' | 'critic', start: PolicyWeights, keep: number) {
    this.#name = name;
    this.#keep = Math.max(1, keep);
    this.#gradient = new Float32Array(start.layout.size);
    this.#weights = { ...start, values: start.values.slice() };
    this.#adam = adamState(start.layout.size);
    this.#versions = new Map([[0, start.values.slice()]]);
  }

  get layout(): ParameterLayout {
    return this.#weights.layout;
  }

  /** What is trained, with the weights as they are now: a live view. */
  get weights(): PolicyWeights {
    return this.#weights;
  }

  get current(): Float32Array {
    return this.#weights.values;
  }

  /** Requests trained on. */
  get steps(): number {
    return this.#steps;
  }

  /** The newest published version; 0 is the starting weights. */
  get version(): number {
    return Math.max(...this.#versions.keys());
  }

  /** @throws RlevError `run/not-found` where the version is gone */
  weightsOf(version: number): Float32Array {
    const values = this.#versions.get(version);
    if (values) return values;
    throw new RlevError({
      code: 'run/not-found',
      message: `${this.#name === 'policy' ? 'Policy' : 'Critic'} version ${version} is not held; these are: ${[...this.#versions.keys()].join(', ')}.`,
      value: version,
      help: 'Keep as many versions as there are cohorts in flight; a replay holds those that its own updates make.',
    });
  }

  /**
   * Sums loss and gradient over the micro-batches and takes one AdamW step. On an error, or when cancelled, the
   * weights are as they were.
   *
   * @returns loss, gradient norm, tokens and the means of the metrics over them
   * @throws RlevError `run/cancelled`, `run/non-finite`
   */
  async update<B>(job: UpdateJob<B>, signal: AbortSignal | undefined): Promise<Record<string, number>> {
    const { batches, run, tokens, optimizer, lr } = job;
    const gradient = this.#gradient.fill(0);
    const views = parameterViews(this.layout, this.current);
    let loss = 0;
    const sums: Record<string, number> = {};
    for (const batch of batches) {
      throwIfCancelled(signal);
      const part = await run(batch, views);
      for (const { name, offset, size } of this.layout.parameters) {
        const its = part[`grad/${name}`]!;
        for (let i = 0; i < size; i++) gradient[offset + i]! += its[i]!;
      }
      loss += part.loss![0]!;
      for (const [name, sum] of Object.entries(part)) {
        if (name.startsWith('sum/')) sums[name.slice(4)] = (sums[name.slice(4)] ?? 0) + sum[0]!;
      }
      // An engine may run a whole program without a turn of the event loop, by which an abort would come.
      await setImmediate();
    }
    throwIfCancelled(signal);
    const gradNorm = norm(gradient);
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) throw this.#notFinite(loss);
    const scale = clipCoefficient(gradNorm, optimizer.gradNorm);
    adamwUpdate(this.current, gradient, this.#adam, optimizer, lr, this.layout.decayed, scale);
    const means = Object.entries(sums).map(([name, sum]) => [name, sum / tokens]);
    return { loss, grad_norm: gradNorm, tokens, ...Object.fromEntries(means) };
  }

  /** Counts a request as trained on. */
  endStep(): void {
    this.#steps++;
  }

  /** Makes the weights a published version; the newest `keep` stay. */
  publish(version: number): { version: number; hash: string } {
    const values = this.current.slice();
    this.#versions.set(version, values);
    while (this.#versions.size > this.#keep) this.#versions.delete(Math.min(...this.#versions.keys()));
    return { version, hash: weightsHash(this.layout, values) };
  }

  get state(): TrainerState {
    return { weights: this.#weights, adam: this.#adam, steps: this.#steps, versions: this.#versions };
  }

  set state({ weights, adam, steps, versions }: TrainerState) {
    this.#weights = { ...this.#weights, values: weights.values };
    this.#adam = adam;
    this.#steps = steps;
    this.#versions = new Map(versions);
  }

  #notFinite(loss: number): RlevError {
    const where = this.layout.parameters.find(({ offset, size }) =>
      this.#gradient.subarray(offset, offset + size).some((g) => !Number.isFinite(g)),
    );
    const what = Number.isFinite(loss) ? `gradient of ${where?.name ?? 'the loss'}` : 'loss';
    const whose = this.#name === 'policy' ? '' : ` of the ${this.#name}`;
    return new RlevError({
      code: 'run/non-finite',
      message: `The ${what}${whose} became ${Number.isFinite(loss) ? 'infinite or NaN' : loss} in step ${this.#steps + 1}, update ${this.#adam.updates + 1}.`,
      value: loss,
      help: 'The weights were left as they were. Lower the learning rate, and check advantages and log-probabilities.',
    });
  }
}
