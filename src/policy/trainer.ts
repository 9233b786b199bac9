import { setImmediate } from 'node:timers/promises';
import type { Ragged } from '../core/columns.ts';
import { RlevError, show } from '../core/errors.ts';
import { foldIn, permutation } from '../core/random.ts';
import type { LossSpec, Trainer, TrainMetrics, TrainRequest } from '../core/services.ts';
import type { Engine } from '../engine/engine.ts';
import { adamState, adamwUpdate, clipCoefficient, norm } from './adamw.ts';
import type { PolicyWeights } from './checkpoint.ts';
import { tokenWeight, updateTotals } from './losses/aggregate.ts';
import type { AggregateParams, LossCatalogue, LossDefinition } from './losses/loss.ts';
import {
  checkAligned,
  checkContext,
  type MicroBatch,
  planMicroBatches,
  tokenColumn,
  tokenFeeds,
} from './micro-batches.ts';
import { type ParameterLayout, parameterViews, weightsHash } from './parameters.ts';
import { ProgramCache } from './program-cache.ts';
import { trainProgram } from './programs.ts';
import { learningRate } from './schedule.ts';
import { scoreResponses, throwIfCancelled } from './scorer.ts';
import { loadTrainerState, saveTrainerState } from './trainer-state.ts';

export interface TrainerSetup {
  readonly engine: Engine;
  /** The starting weights: version 0. Copied. */
  readonly weights: PolicyWeights;
  readonly losses: LossCatalogue;
  /** Tokens of a micro-batch, padding included. */
  readonly tokenBudget?: number;
  /** Published versions that stay, by default 1. */
  readonly keep?: number;
  /** Compiled programs, one for each shape of micro-batch; by default a cache of its own. */
  readonly programs?: ProgramCache;
  /** Directory whose tokenizer files `save` copies. */
  readonly tokenizerFrom?: string;
}

/** The trainer of this thread, from which the sampler and the scorer beside it read weights. */
export interface LocalTrainer extends Trainer {
  /** The newest published version; 0 is the starting weights. */
  readonly version: number;
  /** What is trained, with the weights as they are now: a live view, to be read between requests. */
  readonly weights: PolicyWeights;
  readonly current: Float32Array;
  /** What a penalty keeps the policy near: the starting weights, or those that a request moved it to. */
  readonly reference: Float32Array;
  /** The weights of a published version. Throws `run/not-found` where it is gone. */
  weightsOf(version: number): Float32Array;
  /** Frees all compiled programs. */
  close(): Promise<void>;
}

export const defaultTokenBudget = 2048;
/** Each program of a training step holds the memory of a whole micro-batch. */
export const defaultLivePrograms = 8;

export function openTrainer(setup: TrainerSetup): LocalTrainer {
  return new ArenaTrainer(setup);
}

/** What one request asks, checked, with the parts that may be absent filled in. */
interface Job {
  readonly request: TrainRequest;
  readonly loss: LossDefinition;
  readonly params: AggregateParams;
  readonly mask: Ragged<Float32Array>;
  /** Absent where the loss needs none, or the policy that trains is itself the old one. */
  readonly old: Ragged<Float32Array> | undefined;
  readonly ownRatio: boolean;
  readonly lr: number;
}

class ArenaTrainer implements LocalTrainer {
  readonly #setup: TrainerSetup;
  readonly #layout: ParameterLayout;
  readonly #programs: ProgramCache;
  readonly #tokenBudget: number;
  readonly #gradient: Float32Array;
  #weights: PolicyWeights;
  #adam;
  #steps = 0;
  #versions: Map<number, Float32Array>;
  #movedReference: Float32Array | undefined;

  constructor(setup: TrainerSetup) {
    this.#setup = setup;
    this.#layout = setup.weights.layout;
    this.#programs = setup.programs ?? new ProgramCache(setup.engine, defaultLivePrograms);
    this.#tokenBudget = setup.tokenBudget ?? defaultTokenBudget;
    this.#gradient = new Float32Array(this.#layout.size);
    this.#weights = { ...setup.weights, values: setup.weights.values.slice() };
    this.#adam = adamState(this.#layout.size);
    this.#versions = new Map([[0, setup.weights.values.slice()]]);
  }

  get version(): number {
    return Math.max(...this.#versions.keys());
  }

  get weights(): PolicyWeights {
    return this.#weights;
  }

  get current(): Float32Array {
    return this.#weights.values;
  }

  get reference(): Float32Array {
    return this.#movedReference ?? this.#setup.weights.values;
  }

  weightsOf(version: number): Float32Array {
    const values = this.#versions.get(version);
    if (values) return values;
    throw new RlevError({
      code: 'run/not-found',
      message: `Policy version ${version} is not held; these are: ${[...this.#versions.keys()].join(', ')}.`,
      value: version,
      help: 'Keep as many versions as there are cohorts in flight.',
    });
  }

  async train(request: TrainRequest, signal?: AbortSignal): Promise<TrainMetrics> {
    const job = await this.#prepare(request, signal);
    const sums: Record<string, number> = {};
    let updates = 0;
    for (const rows of dealRows(request)) {
      const metrics = await this.#update(job, rows, signal);
      if (!metrics) continue;
      updates++;
      for (const [name, value] of Object.entries(metrics)) sums[name] = (sums[name] ?? 0) + value;
    }
    this.#steps++;
    const { referenceEvery } = request;
    if (referenceEvery !== undefined && this.#steps % referenceEvery === 0) {
      this.#movedReference = this.current.slice();
    }
    const means = Object.entries(sums).map(([name, sum]) => [name, sum / updates]);
    return { ...Object.fromEntries(means), lr: job.lr, updates };
  }

  async publish(): Promise<{ version: number; hash: string }> {
    const version = this.version + 1;
    const values = this.current.slice();
    this.#versions.set(version, values);
    while (this.#versions.size > Math.max(1, this.#setup.keep ?? 1)) {
      this.#versions.delete(Math.min(...this.#versions.keys()));
    }
    return { version, hash: weightsHash(this.#layout, values) };
  }

  save(directory: string): Promise<void> {
    const state = {
      weights: this.#weights,
      adam: this.#adam,
      steps: this.#steps,
      versions: this.#versions,
      reference: this.#movedReference,
    };
    return saveTrainerState(directory, state, this.#setup.tokenizerFrom);
  }

  async load(directory: string): Promise<void> {
    const state = await loadTrainerState(directory, this.#layout);
    this.#weights = { ...this.#weights, values: state.weights.values };
    this.#adam = state.adam;
    this.#steps = state.steps;
    this.#versions = new Map(state.versions);
    this.#movedReference = state.reference;
  }

  close(): Promise<void> {
    return this.#programs.close();
  }

  async #prepare(request: TrainRequest, signal: AbortSignal | undefined): Promise<Job> {
    const { loss, params } = lossOf(this.#setup.losses, request.loss);
    const { promptTokens, responseTokens } = request;
    const { config } = this.#weights;
    checkContext(promptTokens, responseTokens, config.contextLength);
    if (loss.needs.includes('advantage') && !request.advantage) throw missing(loss.use, 'advantage');
    if (request.kl && !request.refLogprobs) throw missing('kl', 'refLogprobs');
    for (const name of ['advantage', 'oldLogprobs', 'refLogprobs', 'lossMask'] as const) {
      const column = request[name];
      if (column) checkAligned(name, column, responseTokens);
    }
    const { optimizer, schedule } = request;
    const prepared = {
      request,
      loss,
      params,
      mask: request.lossMask ?? {
        offsets: responseTokens.offsets,
        values: new Float32Array(responseTokens.values.length).fill(1),
      },
      lr: learningRate(schedule, optimizer.lr, this.#steps + 1),
    };
    if (!loss.needs.includes('oldLogprobs')) return { ...prepared, old: undefined, ownRatio: false };
    if (request.oldLogprobs) return { ...prepared, old: request.oldLogprobs, ownRatio: false };
    if (request.epochs * request.miniBatches === 1) return { ...prepared, old: undefined, ownRatio: true };
    const scoring = { config, programs: this.#programs, tokenBudget: this.#tokenBudget };
    const old = await scoreResponses(scoring, this.#views(), request, signal);
    return { ...prepared, old, ownRatio: false };
  }

  /** One optimizer update on the given rows; undefined where none of their tokens counts. */
  async #update(
    job: Job,
    rows: Int32Array,
    signal: AbortSignal | undefined,
  ): Promise<Record<string, number> | undefined> {
    const { request, mask } = job;
    const totals = updateTotals(mask, rows);
    if (totals.tokens === 0) return undefined;
    const gradient = this.#gradient.fill(0);
    let loss = 0;
    const sums: Record<string, number> = {};
    const share = shareOf(job, rows);
    for (const batch of planMicroBatches(
      request.promptTokens,
      request.responseTokens,
      rows,
      this.#tokenBudget,
    )) {
      throwIfCancelled(signal);
      const result = await this.#runMicroBatch(job, batch, share);
      for (const { name, offset, size } of this.#layout.parameters) {
        const part = result[`grad/${name}`]!;
        for (let i = 0; i < size; i++) gradient[offset + i]! += part[i]!;
      }
      loss += result.loss![0]!;
      for (const [name, sum] of Object.entries(result)) {
        if (name.startsWith('sum/')) sums[name.slice(4)] = (sums[name.slice(4)] ?? 0) + sum[0]!;
      }
      // An engine may run a whole program without a turn of the event loop, by which an abort would come.
      await setImmediate();
    }
    throwIfCancelled(signal);
    const gradNorm = norm(gradient);
    if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) throw this.#notFinite(loss);

    const { optimizer } = request;
    const scale = clipCoefficient(gradNorm, optimizer.gradNorm);
    adamwUpdate(this.current, gradient, this.#adam, optimizer, job.lr, this.#layout.decayed, scale);
    const means = Object.entries(sums).map(([name, sum]) => [name, sum / totals.tokens]);
    return { loss, grad_norm: gradNorm, tokens: totals.tokens, ...Object.fromEntries(means) };
  }

  async #runMicroBatch(job: Job, batch: MicroBatch, share: Ragged<Float32Array>) {
    const { request, loss, params, ownRatio, mask, old } = job;
    const { config } = this.#weights;
    const { shape } = batch;
    // The aggregation is in `share`, not in the program.
    const { aggregate: _, length: __, ...own } = params;
    const { kl, entropy, importanceWeights, refLogprobs } = request;
    const weighted = importanceWeights !== undefined;
    const built = JSON.stringify([loss.use, own, kl, entropy, ownRatio, weighted]);
    const key = `${built} ${shape.rows}x${shape.length}x${shape.responses}`;
    const program = await this.#programs.get(key, () =>
      trainProgram({ config, shape, loss, params, kl, entropy, ownRatio, weighted }),
    );
    const { promptTokens, responseTokens, temperature, advantage } = request;
    return program.run({
      ...this.#views(),
      ...tokenFeeds(batch, promptTokens, responseTokens, temperature, config.padId),
      mask: tokenColumn(batch, mask),
      share: tokenColumn(batch, share),
      ...(loss.needs.includes('advantage') ? { advantages: tokenColumn(batch, advantage!) } : {}),
      ...(old ? { old: tokenColumn(batch, old) } : {}),
      ...(kl && { ref: tokenColumn(batch, refLogprobs!) }),
      ...(importanceWeights && { weights: tokenColumn(batch, importanceWeights) }),
    });
  }

  #views(): Record<string, Float32Array> {
    return parameterViews(this.#layout, this.current);
  }

  #notFinite(loss: number): RlevError {
    const where = this.#layout.parameters.find(({ offset, size }) =>
      this.#gradient.subarray(offset, offset + size).some((g) => !Number.isFinite(g)),
    );
    const what = Number.isFinite(loss) ? `gradient of ${where?.name ?? 'the loss'}` : 'loss';
    return new RlevError({
      code: 'run/non-finite',
      message: `The ${what} became ${Number.isFinite(loss) ? 'infinite or NaN' : loss} in step ${this.#steps + 1}, update ${this.#adam.updates + 1}.`,
      value: loss,
      help: 'The weights were left as they were. Lower the learning rate, and check advantages and log-probabilities.',
    });
  }
}

/** The rows of each update of a request, epoch after epoch. */
function* dealRows(request: TrainRequest): Generator<Int32Array> {
  const { epochs, miniBatches, key } = request;
  const rows = request.responseTokens.offsets.length - 1;
  for (let epoch = 0; epoch < epochs; epoch++) {
    const order =
      miniBatches === 1
        ? Int32Array.from({ length: rows }, (_, i) => i)
        : permutation(foldIn(key, epoch), rows);
    for (let i = 0; i < miniBatches; i++) {
      const start = Math.floor((i * rows) / miniBatches);
      yield order.subarray(start, Math.floor(((i + 1) * rows) / miniBatches));
    }
  }
}

/** What each token weighs in the loss of an update on `rows`: its mask times its weight. */
function shareOf(job: Job, rows: Int32Array): Ragged<Float32Array> {
  const { mask, params } = job;
  const totals = updateTotals(mask, rows);
  const values = new Float32Array(mask.values.length);
  for (const row of rows) {
    const weight = tokenWeight(params.aggregate, totals, mask, row, params.length);
    for (let t = mask.offsets[row]!; t < mask.offsets[row + 1]!; t++) values[t] = mask.values[t]! * weight;
  }
  return { offsets: mask.offsets, values };
}

function lossOf(
  losses: LossCatalogue,
  { use, params }: LossSpec,
): { loss: LossDefinition; params: AggregateParams } {
  const loss = losses[use];
  if (!loss) {
    throw new RlevError({
      code: 'config/unknown-stage',
      message: `There is no loss ${show(use)}.`,
      value: use,
      help: `Losses are ${Object.keys(losses).join(', ')}.`,
    });
  }
  const parsed = loss.params.safeParse(params);
  if (parsed.success) return { loss, params: parsed.data };
  const [issue] = parsed.error.issues;
  throw new RlevError({
    code: 'config/type',
    message: `The parameters of ${use} cannot be used: ${issue!.path.join('.')} ${issue!.message}.`,
    value: params,
  });
}

function missing(what: string, column: string): RlevError {
  return new RlevError({
    code: 'usage/arguments',
    message: `${what} needs ${column}, and the request has none.`,
    help: 'Put a stage that adds it before this one.',
  });
}
