import { join } from 'node:path';
import { RlevError } from '../core/errors.ts';
import { namesExport } from '../core/module-use.ts';
import { randomKey } from '../core/random.ts';
import type { Policy, PolicyInfo } from '../core/services.ts';
import { type Engine, openEngine } from '../engine/engine.ts';
import { loadCheckpoint, type PolicyWeights } from './checkpoint.ts';
import { LocalCritic } from './critic.ts';
import { initialConfig, initialWeights } from './init.ts';
import { loadLoss } from './load-loss.ts';
import { standardLosses } from './losses/catalogue.ts';
import type { LossCatalogue, LossDefinition } from './losses/loss.ts';
import { OneAtATime } from './one-at-a-time.ts';
import { parameterViews, weightsHash } from './parameters.ts';
import type { PolicyOptions } from './policy-options.ts';
import { openPolicyTokenizer, tokenizerDirectory } from './policy-tokenizer.ts';
import { ProgramCache } from './program-cache.ts';
import { createSampler } from './sampler.ts';
import { createScorer } from './scorer.ts';
import { readTokenizerIds } from './tokenizer.ts';
import { defaultLivePrograms, defaultTokenBudget, openTrainer } from './trainer.ts';
import { criticWeights } from './value-head.ts';
import type { PolicyServices } from './worker-protocol.ts';

/**
 * Opens a policy in the calling thread, which its engine blocks while it computes. Version 0 is the starting weights;
 * `publish` makes the next, and the sampler samples by exactly the version it is asked for.
 *
 * @param losses losses by name; a loss named `file.js#export` is imported when it is first trained on
 * @throws RlevError `policy/checkpoint`, `engine/unavailable`, `usage/arguments`
 */
export async function openLocalPolicy(
  options: PolicyOptions,
  losses: LossCatalogue = standardLosses,
): Promise<Policy> {
  const { config, ...services } = await openLocalServices(options, losses);
  try {
    return { ...services, tokenizer: await openPolicyTokenizer(options, config) };
  } catch (error) {
    await services.close();
    throw error;
  }
}

/** All of a policy but its tokenizer. */
export async function openLocalServices(
  options: PolicyOptions,
  losses: LossCatalogue = standardLosses,
): Promise<PolicyServices> {
  const weights = await startingWeights(options);
  const critic = options.critic && (await criticWeights(weights, options.critic.from));
  const engine = await openEngine(options.engine);
  return assemble(options, { policy: weights, critic }, engine, { ...losses });
}

function assemble(
  options: PolicyOptions,
  { policy: weights, critic: valued }: StartingWeights,
  engine: Engine,
  losses: Record<string, LossDefinition>,
): PolicyServices {
  const { config, layout } = weights;
  const programs = new ProgramCache(engine, defaultLivePrograms);
  const tokenBudget = options.tokenBudget ?? defaultTokenBudget;
  const trainer = openTrainer({
    engine,
    weights,
    losses,
    programs,
    tokenBudget,
    keep: options.keep ?? 1,
    tokenizerFrom: tokenizerDirectory(options),
  });
  const sampler = createSampler({
    engine,
    config,
    weights: (version) => parameterViews(layout, trainer.weightsOf(version)),
    ...(options.maxRows !== undefined && { maxRows: options.maxRows }),
  });
  const scorer = createScorer({
    config,
    programs,
    tokenBudget,
    weights: (which) => parameterViews(layout, which === 'reference' ? trainer.reference : trainer.current),
  });
  const critic =
    valued &&
    new LocalCritic({
      engine,
      weights: valued,
      tokenBudget,
      keep: options.keep ?? 1,
      livePrograms: defaultLivePrograms,
    });
  const queue = new OneAtATime();
  let closing: Promise<void> | undefined;
  return {
    info: infoOf(engine, weights, valued),
    config,
    sampler: { sample: (request, signal) => queue.run(() => sampler.sample(request, signal)) },
    scorer: { score: (request, signal) => queue.run(() => scorer.score(request, signal)) },
    trainer: {
      train: (request, signal) =>
        queue.run(async () => {
          const { use } = request.loss;
          if (namesExport(use)) losses[use] ??= await loadLoss(use);
          return trainer.train(request, signal);
        }),
      publish: () =>
        queue.run(async () => {
          const publication = await trainer.publish();
          return critic ? { ...publication, critic: critic.publish(publication.version) } : publication;
        }),
      save: (directory) =>
        queue.run(async () => {
          await trainer.save(directory);
          await critic?.save(join(directory, criticFolder));
        }),
      load: (directory) =>
        queue.run(async () => {
          await trainer.load(directory);
          await critic?.load(join(directory, criticFolder));
        }),
    },
    ...(critic && {
      critic: {
        values: (request, signal) => queue.run(() => critic.values(request, signal)),
        train: (request, signal) => queue.run(() => critic.train(request, signal)),
      },
    }),
    close() {
      closing ??= queue.run(async () => {
        await sampler.close();
        await critic?.close();
        await trainer.close();
        await engine.close();
      });
      return closing;
    },
  };
}

interface StartingWeights {
  readonly policy: PolicyWeights;
  readonly critic: PolicyWeights | undefined;
}

/** Where in a checkpoint the critic's own Hugging Face directory lies. */
const criticFolder = 'critic';

async function startingWeights(options: PolicyOptions): Promise<PolicyWeights> {
  const { from, init, tokenizer } = options;
  if (from !== undefined && init === undefined) return loadCheckpoint(from);
  if (init === undefined || from !== undefined || tokenizer === undefined) {
    throw new RlevError({
      code: 'usage/arguments',
      message: 'A policy opens from a checkpoint (`from`), or from `init` and `tokenizer`: one of the two.',
    });
  }
  const { context, seed, std, ...shape } = init;
  const ids = await readTokenizerIds(tokenizer);
  const config = initialConfig({ ...shape, contextLength: context }, ids);
  return initialWeights(config, randomKey(seed, 'init'), std);
}

function infoOf(
  engine: Engine,
  { config, layout, values }: PolicyWeights,
  critic: PolicyWeights | undefined,
): PolicyInfo {
  return {
    engine: engine.name,
    device: engine.device,
    versions: engine.versions,
    weightsHash: weightsHash(layout, values),
    parameters: layout.size,
    vocabulary: config.vocabulary,
    contextLength: config.contextLength,
    ...(critic && {
      critic: {
        weightsHash: weightsHash(critic.layout, critic.values),
        parameters: critic.layout.size,
      },
    }),
  };
}
