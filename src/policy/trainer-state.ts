import { join } from 'node:path';
import { z } from 'zod';
import type { AdamState } from './adamw.ts';
import {
  gatherTensors,
  loadCheckpoint,
  namedTensors,
  type PolicyWeights,
  saveCheckpoint,
  writeJson,
} from './checkpoint.ts';
import { checkpointError, readJson } from './config.ts';
import { type ParameterLayout, weightsHash } from './parameters.ts';
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts';

/** All that a trainer is, of a policy or of a critic, between two requests. */
export interface TrainerState {
  readonly weights: PolicyWeights;
  readonly adam: AdamState;
  /** Requests trained on. */
  readonly steps: number;
  /** Weights of the published versions that stay, by version. */
  readonly versions: ReadonlyMap<number, Float32Array>;
  /** Weights that the reference has moved to; absent: it is where the run started. */
  readonly reference?: Float32Array | undefined;
}

const stateJson = z.strictObject({
  format: z.literal(1),
  steps: z.int().nonnegative(),
  updates: z.int().nonnegative(),
  versions: z
    .array(z.strictObject({ version: z.int().nonnegative(), hash: z.string(), file: z.string().nullable() }))
    .nonempty(),
  reference: z.strictObject({ hash: z.string(), file: z.string() }).optional(),
});

/**
 * Writes a Hugging Face directory, and beside it optimizer.safetensors (`exp_avg.<parameter>` and
 * `exp_avg_sq.<parameter>`), trainer.json, a published-<version>.safetensors for each version whose weights are
 * not those of model.safetensors, and reference.safetensors where the reference has moved.
 */
export async function saveTrainerState(
  directory: string,
  state: TrainerState,
  tokenizerFrom?: string,
): Promise<void> {
  const { weights, adam, steps, versions, reference } = state;
  const { layout } = weights;
  await saveCheckpoint(directory, weights, tokenizerFrom);
  await writeSafetensors(join(directory, optimizerFile), [
    ...prefixed('exp_avg', layout, adam.m),
    ...prefixed('exp_avg_sq', layout, adam.v),
  ]);
  const current = weightsHash(layout, weights.values);
  const published: z.infer<typeof stateJson>['versions'][number][] = [];
  for (const [version, values] of versions) {
    const hash = weightsHash(layout, values);
    const file = hash === current ? null : `published-${version}.safetensors`;
    if (file) await writeSafetensors(join(directory, file), namedTensors(layout, values));
    published.push({ version, hash, file });
  }
  if (reference) await writeSafetensors(join(directory, referenceFile), namedTensors(layout, reference));
  const json = {
    format: 1,
    steps,
    updates: adam.updates,
    versions: published,
    ...(reference && { reference: { hash: weightsHash(layout, reference), file: referenceFile } }),
  };
  await writeJson(join(directory, stateFile), json);
}

/**
 * Reads what `saveTrainerState` wrote of what is trained.
 *
 * @throws RlevError `policy/checkpoint` where a file is missing, does not fit, or is not what was written
 */
export async function loadTrainerState(
  directory: string,
  { config, layout }: Pick<PolicyWeights, 'config' | 'layout'>,
): Promise<TrainerState> {
  const weights = await loadCheckpoint(directory, [config.head]);
  if (JSON.stringify(weights.layout) !== JSON.stringify(layout)) {
    throw checkpointError(
      'The checkpoint is of another model than the one that is open.',
      directory,
      undefined,
      'Open the policy from the same starting checkpoint.',
    );
  }
  const file = join(directory, stateFile);
  const parsed = stateJson.safeParse(await readJson(file));
  if (!parsed.success) throw checkpointError('The trainer state is malformed.', file);
  const { steps, updates, versions: published } = parsed.data;

  const optimizer = await readSafetensors(join(directory, optimizerFile));
  const moments = (prefix: string): Float32Array =>
    gatherTensors(layout, unprefixed(prefix, optimizer), join(directory, optimizerFile));
  const saved = async (entry: { file: string | null; hash: string }, what: string): Promise<Float32Array> => {
    const from = join(directory, entry.file ?? 'model.safetensors');
    const values = entry.file
      ? gatherTensors(layout, await readSafetensors(from), from)
      : weights.values.slice();
    if (weightsHash(layout, values) === entry.hash) return values;
    throw checkpointError(`The weights of ${what} are not those that were saved.`, from);
  };
  const versions = new Map<number, Float32Array>();
  for (const entry of published) {
    versions.set(entry.version, await saved(entry, `version ${entry.version}`));
  }
  const reference = parsed.data.reference && (await saved(parsed.data.reference, 'the reference'));
  const adam = { m: moments('exp_avg'), v: moments('exp_avg_sq'), updates };
  return { weights, adam, steps, versions, reference };
}

const optimizerFile = 'optimizer.safetensors';
const stateFile = 'trainer.json';
const referenceFile = 'reference.safetensors';

function prefixed(
  prefix: string,
  layout: ParameterLayout,
  values: Float32Array,
): (readonly [string, StoredTensor])[] {
  return namedTensors(layout, values).map(([name, tensor]) => [`${prefix}.${name}`, tensor]);
}

function unprefixed(prefix: string, tensors: ReadonlyMap<string, StoredTensor>): Map<string, StoredTensor> {
  const chosen = new Map<string, StoredTensor>();
  for (const [name, tensor] of tensors) {
    if (name.startsWith(`${prefix}.`)) chosen.set(name.slice(prefix.length + 1), tensor);
  }
  return chosen;
}
