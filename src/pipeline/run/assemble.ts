import { resolve as resolvePath } from 'node:path';
import { type Place, RlevError, reasonOf } from '../../core/errors.ts';
import type { Policy } from '../../core/services.ts';
import type { Dataset, Scope, SourceStage, StageSetup } from '../../core/stage.ts';
import { openPolicy } from '../../policy/open-policy.ts';
import type { PolicyOptions } from '../../policy/policy-options.ts';
import type { WiredStage } from '../../streams/cohort.ts';
import { ownCode } from '../file/own-code.ts';
import type { Pipeline, ResolvedStage } from '../file/resolve.ts';
import type { PolicySection } from '../file/schema.ts';

/** A pipeline with its policy opened, its stages created and prepared: ready to run, nothing written yet. */
export interface Assembly {
  readonly policy: Policy | undefined;
  readonly stages: readonly WiredStage[];
  readonly branches: readonly Branch[];
  /** The data that each flow reads, by scope. */
  readonly datasets: ReadonlyMap<Scope, Dataset>;
  /** sha256 of the user's own modules, by path from the pipeline's folder. */
  readonly code: ReadonlyMap<string, string>;
  /** Closes every stage and the policy, once. Never fails. */
  close(): Promise<void>;
}

export interface Branch {
  readonly id: string;
  readonly every: number | undefined;
  readonly stages: readonly WiredStage[];
}

export interface AssembleOptions {
  notice(message: string): void;
  /** Ends the opening of the policy, and what comes after it, with the signal's reason. */
  readonly signal?: AbortSignal;
}

/**
 * Opens the policy, creates the stages and lets each see its data.
 *
 * @throws RlevError with the place of what cannot work: data, prompts that do not fit, a checkpoint, an engine that is
 * not there. Whatever was opened is closed again.
 */
export async function assemble(pipeline: Pipeline, options: AssembleOptions): Promise<Assembly> {
  const created: WiredStage[] = [];
  let policy: Policy | undefined;
  let closing: Promise<void> | undefined;
  const close = (): Promise<void> => {
    closing ??= (async () => {
      await Promise.allSettled(created.map(async ({ stage }) => stage.close?.()));
      await policy?.close();
    })();
    return closing;
  };
  const datasets = new Map<Scope, Dataset>();
  // evaluations make the stages anew, which then have the same to say
  const said = new Set<string>();
  const notice = (message: string): void => {
    if (!said.has(message)) options.notice(message);
    said.add(message);
  };
  const create = async (scope: Scope, resolved: readonly ResolvedStage[]): Promise<WiredStage[]> => {
    const wired: WiredStage[] = [];
    for (const stage of resolved) {
      options.signal?.throwIfAborted();
      const made = await createStage(
        stage,
        setupOf(pipeline, stage, () => policy, { ...options, notice }),
      );
      wired.push(made);
      created.push(made);
    }
    const dataset = await (wired[0]!.stage as SourceStage).dataset();
    datasets.set(scope, dataset);
    for (const { stage } of wired) await stage.prepare?.(dataset);
    return wired;
  };
  try {
    const code = await ownCode(pipeline);
    policy = pipeline.policy && (await openPolicyOf(pipeline, options.signal));
    const stages = await create('train', pipeline.stages);
    const branches: Branch[] = [];
    for (const { id, every, stages } of pipeline.evaluate) {
      branches.push({ id, every, stages: await create(`eval:${id}`, stages) });
    }
    return { policy, stages, branches, datasets, code, close };
  } catch (error) {
    await close();
    throw options.signal?.aborted ? options.signal.reason : error;
  }
}

/** Creates a stage in its place. @throws RlevError with the place of the stage */
export async function createStage(resolved: ResolvedStage, setup: StageSetup): Promise<WiredStage> {
  const { id, definition, params, place } = resolved;
  try {
    const stage = await definition.create(params, setup);
    requireMethods(stage, resolved);
    return { id, definition, params, place, stage };
  } catch (error) {
    if (error instanceof RlevError) throw at(error, place);
    throw new RlevError({
      code: 'stage/failed',
      message: `Stage ${id} (${definition.name}) could not be created: ${reasonOf(error)}`,
      place,
      cause: error,
    });
  }
}

function requireMethods(stage: unknown, { id, definition: { kind, name: use } }: ResolvedStage): void {
  const methods = kind === 'source' ? ['dataset', 'next'] : ['run'];
  const made = (typeof stage === 'object' && stage !== null ? stage : {}) as Record<string, unknown>;
  const missing = methods.filter((name) => typeof made[name] !== 'function');
  if (missing.length === 0) return;
  throw new RlevError({
    code: 'stage/contract',
    message: `Stage ${id} (${use}): what create returned has no function ${missing.join(', no ')}.`,
    help: `A stage of the kind ${kind} is an object with ${methods.join(' and ')}: create: () => ({ run: (columns) => ... }).`,
  });
}

/** What a stage of a pipeline is made with; `open` is asked for the policy whenever the stage wants it. */
export function setupOf(
  pipeline: Pipeline,
  stage: ResolvedStage,
  open: () => Policy | undefined,
  options: AssembleOptions,
): StageSetup {
  return {
    place: stage.place,
    placeOf: (parameter, of) => stage.placeOf?.(parameter, of),
    seed: pipeline.run.seed,
    steps: pipeline.run.steps,
    inFlight: pipeline.run.inFlight,
    policy() {
      const policy = open();
      if (policy) return policy;
      throw new RlevError({
        code: 'config/missing',
        message: `${stage.id} (${stage.use}) needs a policy, and the pipeline has none.`,
        place: stage.place,
        help: 'Add `policy: { from: DIRECTORY }`.',
      });
    },
    resolve: (path) => resolvePath(pipeline.base, path),
    notice: options.notice,
  };
}

/** Where a policy comes from, its paths absolute. */
export function policySource(
  { from, init, tokenizer }: PolicySection,
  base: string,
): Pick<PolicyOptions, 'from' | 'init' | 'tokenizer'> {
  return {
    ...(from !== undefined && { from: resolvePath(base, from) }),
    ...(init && { init: { ...init, kvHeads: init.kvHeads ?? init.heads } }),
    ...(tokenizer !== undefined && { tokenizer: resolvePath(base, tokenizer) }),
  };
}

function criticOf(
  { from }: { readonly from?: string | undefined },
  base: string,
): { readonly from?: string } {
  return from === undefined ? {} : { from: resolvePath(base, from) };
}

/** Opens the policy that the pipeline names. */
export async function openPolicyOf(pipeline: Pipeline, signal?: AbortSignal): Promise<Policy> {
  const section = pipeline.policy!;
  try {
    return await openPolicy(
      {
        ...policySource(section, pipeline.base),
        engine: section.engine,
        ...(section.critic && { critic: criticOf(section.critic, pipeline.base) }),
        keep: pipeline.run.inFlight,
        ...(section.tokenBudget !== undefined && { tokenBudget: section.tokenBudget }),
        ...(section.maxRows !== undefined && { maxRows: section.maxRows }),
      },
      signal,
    );
  } catch (error) {
    throw error instanceof RlevError ? at(error, pipeline.policyPlace) : error;
  }
}

function at(error: RlevError, place: Place): RlevError {
  return error.place ? error : new RlevError({ ...error.details(), place });
}
