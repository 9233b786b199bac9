import { existsSync } from 'node:fs';
import type { Ragged } from '../core/columns.ts';
import type { CriticTrainRequest, TrainMetrics, ValueRequest } from '../core/services.ts';
import type { Arrays, CompiledProgram, Engine } from '../engine/engine.ts';
import type { PolicyWeights } from './checkpoint.ts';
import { checkpointError } from './config.ts';
import { dealRows, fullMask, MetricMeans, tokenShares } from './deal-rows.ts';
import { Learner } from './learner.ts';
import { updateTotals } from './losses/aggregate.ts';
import {
  checkAligned,
  checkContext,
  type MicroBatch,
  planMicroBatches,
  positionFeeds,
  tokenColumn,
} from './micro-batches.ts';
import { parameterViews } from './parameters.ts';
import { ProgramCache } from './program-cache.ts';
import { valueProgram, valueTrainProgram } from './programs.ts';
import { learningRate } from './schedule.ts';
import { numberTokens } from './scorer.ts';
import { loadTrainerState, saveTrainerState } from './trainer-state.ts';

export interface CriticSetup {
  readonly engine: Engine;
  /** The starting weights, with a value head. Copied. */
  readonly weights: PolicyWeights;
  /** Tokens of a micro-batch, padding included. */
  readonly tokenBudget: number;
  /** Published versions that stay. */
  readonly keep: number;
  /** Compiled programs held at once. */
  readonly livePrograms: number;
}

/**
 * The critic of this thread: a decoder with a value head, with an optimizer of its own. Its versions are numbered as
 * the policy's and published with them, so that which critic gave a value never depends on timing.
 */
export class LocalCritic {
  readonly #learner: Learner;
  readonly #programs: ProgramCache;
  readonly #tokenBudget: number;

  constructor({ engine, weights, tokenBudget, keep, livePrograms }: CriticSetup) {
    this.#learner = new Learner('critic', weights, keep);
    this.#programs = new ProgramCache(engine, livePrograms);
    this.#tokenBudget = tokenBudget;
  }

  /** What is trained, with the weights as they are now: a live view, to be read between requests. */
  get weights(): PolicyWeights {
    return this.#learner.weights;
  }

  /** @throws RlevError `run/not-found` where the version is gone, `policy/context`, `run/cancelled`, `run/non-finite` */
  async values(request: ValueRequest, signal?: AbortSignal): Promise<Ragged<Float32Array>> {
    const { promptTokens, responseTokens, version } = request;
    const { config, layout } = this.weights;
    const weights = parameterViews(layout, this.#learner.weightsOf(version));
    const numbers = {
      name: 'value',
      what: 'value',
      program: (shape: MicroBatch['shape']) => valueProgram(config, shape),
      async run(program: CompiledProgram, batch: MicroBatch) {
        const feeds = positionFeeds(batch, promptTokens, responseTokens, config.padId);
        return (await program.run({ ...weights, ...feeds })).values!;
      },
    };
    const setup = { config, programs: this.#programs, tokenBudget: this.#tokenBudget };
    return numberTokens(setup, numbers, request, signal);
  }

  async train(request: CriticTrainRequest, signal?: AbortSignal): Promise<TrainMetrics> {
    const { promptTokens, responseTokens, optimizer, schedule } = request;
    checkContext(promptTokens, responseTokens, this.weights.config.contextLength);
    for (const name of ['values', 'returns', 'lossMask'] as const) {
      const column = request[name];
      if (column) checkAligned(name, column, responseTokens);
    }
    const mask = request.lossMask ?? fullMask(responseTokens);
    const lr = learningRate(schedule, optimizer.lr, this.#learner.steps + 1);
    const updates = new MetricMeans();
    for (const rows of dealRows(responseTokens.offsets.length - 1, request)) {
      const { tokens } = updateTotals(mask, rows);
      if (tokens === 0) continue;
      const share = tokenShares(mask, rows, request);
      const batches = planMicroBatches(promptTokens, responseTokens, rows, this.#tokenBudget);
      const run = (batch: MicroBatch, weights: Arrays) =>
        this.#runMicroBatch(request, batch, { mask, share }, weights);
      updates.add(await this.#learner.update({ batches, run, tokens, optimizer, lr }, signal));
    }
    this.#learner.endStep();
    return { ...updates.means(), lr, updates: updates.updates };
  }

  /** Makes the weights the version of this number. @returns their hash */
  publish(version: number): string {
    return this.#learner.publish(version).hash;
  }

  save(directory: string): Promise<void> {
    return saveTrainerState(directory, this.#learner.state);
  }

  /** @throws RlevError `policy/checkpoint`, also where a policy without a critic was saved */
  async load(directory: string): Promise<void> {
    if (!existsSync(directory)) {
      throw checkpointError(
        'The checkpoint has no critic: its policy was trained without one.',
        directory,
        undefined,
        'Leave policy.critic out, or begin a new run with policy.from: this checkpoint.',
      );
    }
    this.#learner.state = await loadTrainerState(directory, this.weights);
  }

  close(): Promise<void> {
    return this.#programs.close();
  }

  async #runMicroBatch(
    { promptTokens, responseTokens, values, returns, clip }: CriticTrainRequest,
    batch: MicroBatch,
    { mask, share }: Readonly<Record<'mask' | 'share', Ragged<Float32Array>>>,
    weights: Arrays,
  ) {
    const { config } = this.weights;
    const { shape } = batch;
    const key = `train ${clip} ${shape.rows}x${shape.length}x${shape.responses}`;
    const program = await this.#programs.get(key, () => valueTrainProgram(config, shape, clip));
    return program.run({
      ...weights,
      ...positionFeeds(batch, promptTokens, responseTokens, config.padId),
      mask: tokenColumn(batch, mask),
      share: tokenColumn(batch, share),
      old: tokenColumn(batch, values),
      returns: tokenColumn(batch, returns),
    });
  }
}
