import type { Ragged } from '../core/columns.ts';
import { RlevError, show } from '../core/errors.ts';
import { foldIn } from '../core/random.ts';
import type { LossSpec, Publication, Trainer, TrainMetrics, TrainRequest } from '../core/services.ts';
import type { Arrays, Engine } from '../engine/engine.ts';
import type { PolicyWeights } from './checkpoint.ts';
import { dealRows, fullMask, MetricMeans, tokenShares } from './deal-rows.ts';
import { Learner } from './learner.ts';
import { updateTotals } from './losses/aggregate.ts';
import type { AggregateParams, LossCatalogue, LossDefinition } from './losses/loss.ts';
import { readsOld } from './losses/objective.ts';
import {
  checkAligned,
  checkContext,
  type MicroBatch,
  planMicroBatches,
  tokenColumn,
  tokenFeeds,
} from './micro-batches.ts';
import { parameterViews } from './parameters.ts';
import { ProgramCache } from './program-cache.ts';
import { trainProgram } from './programs.ts';
import { learningRate } from './schedule.ts';
import { entropiesOf, scoreResponses } from './scorer.ts';
import { topEntropy } from './top-entropy.ts';
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
  readonly #programs: ProgramCache;
  readonly #tokenBudget: number;
  readonly #learner: Learner;
  #movedReference: Float32Array | undefined;

  constructor(setup: TrainerSetup) {
    this.#setup = setup;
    this.#programs = setup.programs ?? new ProgramCache(setup.engine, defaultLivePrograms);
    this.#tokenBudget = setup.tokenBudget ?? defaultTokenBudget;
    this.#learner = new Learner('policy', setup.weights, setup.keep ?? 1);
  }

  get version(): number {
    return this.#learner.version;
  }

  get weights(): PolicyWeights {
    return this.#learner.weights;
  }

  get current(): Float32Array {
    return this.#learner.current;
  }

  get reference(): Float32Array {
    return this.#movedReference ?? this.#setup.weights.values;
  }

  weightsOf(version: number): Float32Array {
    return this.#learner.weightsOf(version);
  }

  async train(request: TrainRequest, signal?: AbortSignal): Promise<TrainMetrics> {
    const job = await this.#prepare(request, signal);
    const updates = new MetricMeans();
    let index = 0;
    for (const rows of dealRows(request.responseTokens.offsets.length - 1, request)) {
      const metrics = await this.#update(job, { rows, index: index++ }, signal);
      if (metrics) updates.add(metrics);
    }
    this.#learner.endStep();
    const { referenceEvery } = request;
    if (referenceEvery !== undefined && this.#learner.steps % referenceEvery === 0) {
      this.#movedReference = mixed(this.current, this.reference, request.referenceMixup ?? 1);
    }
    return { ...updates.means(), lr: job.lr, updates: updates.updates };
  }

  async publish(): Promise<Publication> {
    return this.#learner.publish(this.version + 1);
  }

  save(directory: string): Promise<void> {
    const state = { ...this.#learner.state, reference: this.#movedReference };
    return saveTrainerState(directory, state, this.#setup.tokenizerFrom);
  }

  async load(directory: string): Promise<void> {
    const state = await loadTrainerState(directory, this.weights);
    this.#learner.state = state;
    this.#movedReference = state.reference;
  }

  close(): Promise<void> {
    return this.#programs.close();
  }

  async #prepare(request: TrainRequest, signal: AbortSignal | undefined): Promise<Job> {
    const { loss, params } = lossOf(this.#setup.losses, request.loss);
    const { promptTokens, responseTokens } = request;
    const { config } = this.weights;
    checkContext(promptTokens, responseTokens, config.contextLength);
    if (loss.needs.includes('advantage') && !request.advantage) throw missing(loss.use, 'advantage');
    if (request.kl && !request.refLogprobs) throw missing('kl', 'refLogprobs');
    if (request.offPolicy !== undefined) {
      if (!request.sampledLogprobs) throw missing('offPolicy', 'sampledLogprobs');
      if (!loss.needs.includes('advantage')) throw missing('offPolicy', `advantage for ${loss.use}`);
    }
    for (const name of ['advantage', 'oldLogprobs', 'refLogprobs', 'sampledLogprobs', 'lossMask'] as const) {
      const column = request[name];
      if (column) checkAligned(name, column, responseTokens);
    }
    const { optimizer, schedule } = request;
    const prepared = {
      request,
      loss,
      params,
      mask: request.lossMask ?? fullMask(responseTokens),
      lr: learningRate(schedule, optimizer.lr, this.#learner.steps + 1),
    };
    if (!readsOld(loss, request.kl)) return { ...prepared, old: undefined, ownRatio: false };
    if (request.oldLogprobs) return { ...prepared, old: request.oldLogprobs, ownRatio: false };
    if (request.epochs * request.miniBatches === 1) return { ...prepared, old: undefined, ownRatio: true };
    const old = await scoreResponses(this.#scoring, this.#views, request, signal);
    return { ...prepared, old, ownRatio: false };
  }

  /** One optimizer update on the given rows; undefined where none of their tokens counts. */
  async #update(
    job: Job,
    update: Update,
    signal: AbortSignal | undefined,
  ): Promise<Record<string, number> | undefined> {
    const { request, mask, params, lr } = job;
    const { rows } = update;
    const { promptTokens, responseTokens, optimizer } = request;
    const { tokens } = updateTotals(mask, rows);
    if (tokens === 0) return undefined;
    const columns: UpdateColumns = {
      share: tokenShares(mask, rows, params),
      factors: await this.#factors(job, rows, signal),
      chosen: await this.#chosen(job, update, signal),
    };
    const batches = planMicroBatches(promptTokens, responseTokens, rows, this.#tokenBudget);
    const run = (batch: MicroBatch, weights: Arrays) => this.#runMicroBatch(job, batch, columns, weights);
    return this.#learner.update({ batches, run, tokens, optimizer, lr }, signal);
  }

  /** What the loss of each token is multiplied by: importance weights, and which tokens are of high entropy. */
  async #factors(
    { request, mask }: Job,
    rows: Int32Array,
    signal: AbortSignal | undefined,
  ): Promise<Ragged<Float32Array> | undefined> {
    const { topEntropy: share, importanceWeights: given } = request;
    if (share === undefined) return given;
    const entropies = await entropiesOf(this.#scoring, this.#views, request, rows, signal);
    const kept = topEntropy(entropies.values, onlyRows(mask, rows), share);
    return { offsets: mask.offsets, values: given ? kept.map((k, t) => k * given.values[t]!) : kept };
  }

  /** What a loss makes of all tokens of an update, where it wants to see them. */
  async #chosen(
    { request, loss, params, mask, old }: Job,
    { rows, index }: Update,
    signal: AbortSignal | undefined,
  ): Promise<Ragged<Float32Array> | undefined> {
    if (!loss.choose) return undefined;
    const { values: logprobs } = await scoreResponses(this.#scoring, this.#views, request, signal, rows);
    const tokens = {
      logprobs,
      oldLogprobs: old?.values ?? logprobs,
      advantages: request.advantage?.values ?? new Float32Array(logprobs.length),
      mask: onlyRows(mask, rows),
      key: foldIn(request.key, index, 1),
    };
    return { offsets: mask.offsets, values: loss.choose(tokens, params) };
  }

  get #scoring() {
    return { config: this.weights.config, programs: this.#programs, tokenBudget: this.#tokenBudget };
  }

  get #views(): Arrays {
    return parameterViews(this.weights.layout, this.current);
  }

  async #runMicroBatch(
    job: Job,
    batch: MicroBatch,
    { share, factors, chosen }: UpdateColumns,
    weights: Arrays,
  ) {
    const { request, loss, params, ownRatio, mask, old } = job;
    const { config } = this.weights;
    const { shape } = batch;
    // The aggregation is in `share`, not in the program.
    const { aggregate: _, length: __, masked: ___, ...own } = params;
    const { kl, entropy, refLogprobs, offPolicy, sampledLogprobs } = request;
    const weighted = factors !== undefined;
    const built = JSON.stringify([loss.use, own, kl, entropy, ownRatio, weighted, offPolicy]);
    const key = `${built} ${shape.rows}x${shape.length}x${shape.responses}`;
    const program = await this.#programs.get(key, () =>
      trainProgram({ config, shape, loss, params, kl, entropy, ownRatio, weighted, offPolicy }),
    );
    const { promptTokens, responseTokens, temperature, advantage } = request;
    return program.run({
      ...weights,
      ...tokenFeeds(batch, promptTokens, responseTokens, temperature, config.padId),
      mask: tokenColumn(batch, mask),
      share: tokenColumn(batch, share),
      ...(loss.needs.includes('advantage') ? { advantages: tokenColumn(batch, advantage!) } : {}),
      ...(old ? { old: tokenColumn(batch, old) } : {}),
      ...(kl && { ref: tokenColumn(batch, refLogprobs!) }),
      ...(factors && { weights: tokenColumn(batch, factors) }),
      ...(chosen && { chosen: tokenColumn(batch, chosen) }),
      ...(offPolicy !== undefined && { sampled: tokenColumn(batch, sampledLogprobs!) }),
    });
  }
}

/** One optimizer update of a request: which rows, and the how-manieth it is. */
interface Update {
  readonly rows: Int32Array;
  readonly index: number;
}

/** What there is of each token for one update. */
interface UpdateColumns {
  readonly share: Ragged<Float32Array>;
  readonly factors: Ragged<Float32Array> | undefined;
  readonly chosen: Ragged<Float32Array> | undefined;
}

/** The numbers of some rows, 0 in the others. */
function onlyRows({ offsets, values }: Ragged<Float32Array>, rows: Int32Array): Float32Array {
  const only = new Float32Array(values.length);
  for (const row of rows) only.set(values.subarray(offsets[row], offsets[row + 1]), offsets[row]);
  return only;
}

/** share * weights + (1 - share) * before, in float32. */
function mixed(weights: Float32Array, before: Float32Array, share: number): Float32Array {
  if (share === 1) return weights.slice();
  return weights.map((w, i) => share * w + (1 - share) * before[i]!);
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
