import { stringify } from 'yaml';
import { RlevError, RlevErrors } from '../../core/errors.ts';
import type { Catalogue } from '../../core/stage.ts';
import type { Evaluation } from '../../report/evaluation.ts';
import { recordNothing } from '../../streams/record.ts';
import { runOnce } from '../../streams/training-loop.ts';
import { cancellable } from '../cancellable.ts';
import { inspectPipeline } from '../file/resolve.ts';
import { type VerifierSpec, verifierOf } from '../file/verifier.ts';
import { type Assembly, assemble } from './assemble.ts';
import { evaluationOf } from './evaluation.ts';

export interface EvaluateOptions {
  readonly catalogue: Catalogue;
  /** A Hugging Face directory: a checkpoint of a run, or any other. */
  readonly policy: string;
  /** Questions, JSONL or CSV. */
  readonly data: string;
  readonly template?: string;
  /** By the form of each reference unless named: `verify/exact`, or one of one's own, `./judge.js#judge`. */
  readonly verify?: VerifierSpec;
  readonly samples?: number;
  readonly temperature?: number;
  readonly maxTokens?: number;
  /** Prompts that do not fit the context: an error, or read from their end. */
  readonly longPrompts?: 'error' | 'cut-left';
  readonly seed?: number;
  readonly engine?: { readonly use?: string; readonly device?: string; readonly threads?: number };
  readonly signal?: AbortSignal;
  notice?(message: string): void;
}

/**
 * Grades a policy on a file of questions, without a run: one greedy response each unless told otherwise.
 *
 * @throws RlevError for what `train` would refuse as well; `run/cancelled` when the signal fires
 */
export async function evaluate(options: EvaluateOptions): Promise<Evaluation> {
  try {
    return await cancellable(options.signal, 'The evaluation', (signal) => evaluateUnder(signal, options));
  } catch (error) {
    throw withoutMadeUpPlace(error);
  }
}

async function evaluateUnder(signal: AbortSignal, options: EvaluateOptions): Promise<Evaluation> {
  const named = options.verify ?? 'verify/auto';
  const wrong: RlevError[] = [];
  const verifier = await verifierOf('verify', named, options.catalogue, process.cwd()).catch((error) => {
    if (!(error instanceof RlevError)) throw error;
    wrong.push(...(error instanceof RlevErrors ? error.errors : [error]));
  });
  const { pipeline, errors } = inspectPipeline(
    stringify({
      rlev: 1,
      run: { steps: 1, seed: options.seed ?? 0 },
      policy: { from: options.policy, ...(options.engine && { engine: options.engine }) },
      stages: {
        prompts: {
          use: 'prompts/exam',
          file: options.data,
          perStep: 'all',
          ...(options.template !== undefined && { template: options.template }),
        },
        rollout: {
          use: 'rollout/policy',
          samples: options.samples ?? 1,
          temperature: options.temperature ?? 0,
          maxTokens: options.maxTokens ?? 32,
          ...(options.longPrompts && { longPrompts: options.longPrompts }),
        },
        verify: verifier ? { ...(verifier.params as object), use: verifier.use } : { use: 'verify/auto' },
        value: { use: 'value/points' },
      },
    }),
    madeUp,
    {
      catalogue: verifier
        ? new Map(options.catalogue).set(verifier.use, verifier.definition)
        : options.catalogue,
    },
  );
  if (!pipeline || wrong.length + errors.length > 0) throw new RlevErrors([...wrong, ...errors]);
  let assembly: Assembly | undefined;
  try {
    assembly = await assemble(pipeline, { notice: options.notice ?? (() => undefined), signal });
    const event = {
      step: 0,
      round: 0,
      scope: 'eval:data',
      policyVersion: 0,
      seed: pipeline.run.seed,
      signal,
    } as const;
    const { batch } = await runOnce(assembly.stages, event, { record: recordNothing });
    return evaluationOf(batch);
  } finally {
    await assembly?.close();
  }
}

/** Name of the pipeline file that stands for the options. */
const madeUp = '(options)';

/** Nobody can look into a file that is not there. */
function withoutMadeUpPlace(error: unknown): unknown {
  if (!(error instanceof RlevError)) return error;
  if (error instanceof RlevErrors) return new RlevErrors(error.errors.map(unplaced));
  return unplaced(error);
}

function unplaced(error: RlevError): RlevError {
  if (error.place?.file !== madeUp) return error;
  return new RlevError({ ...error.details(), place: undefined });
}
