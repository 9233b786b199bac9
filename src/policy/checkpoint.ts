import { copyFile, mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { RlevErrors } from '../core/errors.ts';
import { checkpointError, formatConfig, type Head, type PolicyConfig, readConfig } from './config.ts';
import { type ParameterLayout, parameterLayout } from './parameters.ts';
import { readSafetensorsDirectory, type StoredTensor, writeSafetensors } from './safetensors.ts';

/** The weights of a policy or a critic: the arena, with what each part of it is. */
export interface PolicyWeights {
  readonly config: PolicyConfig;
  readonly layout: ParameterLayout;
  /** float32 [layout.size]. */
  readonly values: Float32Array;
}

/**
 * Reads configuration and weights of a Hugging Face directory.
 *
 * @param heads those that will do
 * @throws RlevError `policy/checkpoint`, listing every tensor that is missing, unexpected, misshapen or not finite
 */
export async function loadCheckpoint(
  directory: string,
  heads: readonly Head[] = ['tokens'],
): Promise<PolicyWeights> {
  const config = await readConfig(directory, heads);
  const tensors = await readSafetensorsDirectory(directory);
  const layout = parameterLayout(config);
  return { config, layout, values: gatherTensors(layout, tensors, directory, config.tied) };
}

/**
 * Writes config.json, generation_config.json and model.safetensors, and copies the tokenizer's files from
 * `tokenizerFrom` unchanged. `transformers` opens the result.
 */
export async function saveCheckpoint(
  directory: string,
  weights: PolicyWeights,
  tokenizerFrom?: string,
): Promise<void> {
  await mkdir(directory, { recursive: true });
  const { config, generation } = formatConfig(weights.config);
  await writeJson(join(directory, 'config.json'), config);
  await writeJson(join(directory, 'generation_config.json'), generation);
  await writeSafetensors(join(directory, 'model.safetensors'), namedTensors(weights.layout, weights.values));
  if (tokenizerFrom === undefined) return;
  for (const file of await readdir(tokenizerFrom)) {
    if (tokenizerFiles.has(file)) await copyFile(join(tokenizerFrom, file), join(directory, file));
  }
}

/** The arena's tensors by name, as views. */
export function namedTensors(
  layout: ParameterLayout,
  values: Float32Array,
): (readonly [string, StoredTensor])[] {
  return layout.parameters.map(({ name, shape, offset, size }) => [
    name,
    { shape, values: values.subarray(offset, offset + size) },
  ]);
}

/**
 * An arena from tensors by name; `file` names them in errors. A tied head that is stored nevertheless is passed over.
 *
 * @throws RlevError `policy/checkpoint` listing every tensor that is missing, unexpected, misshapen or not finite
 */
export function gatherTensors(
  layout: ParameterLayout,
  tensors: ReadonlyMap<string, StoredTensor>,
  file: string,
  tied = false,
): Float32Array {
  const values = new Float32Array(layout.size);
  const problems: string[] = [];
  for (const { name, shape, offset } of layout.parameters) {
    const tensor = tensors.get(name);
    if (!tensor) problems.push(`Tensor ${name} of shape [${shape}] is missing.`);
    else if (tensor.shape.join() !== shape.join()) {
      problems.push(`Tensor ${name} has shape [${tensor.shape}] instead of [${shape}].`);
    } else if (!isFiniteAll(tensor.values)) {
      problems.push(`Tensor ${name} holds a number that is not finite.`);
    } else values.set(tensor.values, offset);
  }
  const known = new Set(layout.parameters.map((p) => p.name));
  for (const name of tensors.keys()) {
    if (known.has(name) || ignored(name, tied)) continue;
    problems.push(`Tensor ${name} is not one that config.json asks for.`);
  }
  if (problems.length > 0) {
    throw new RlevErrors(problems.map((problem) => checkpointError(problem, file, undefined, mismatch)));
  }
  return values;
}

function isFiniteAll(values: Float32Array): boolean {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! * 0;
  return sum === 0;
}

/** JSON with a final newline, on the disk when it resolves. */
export async function writeJson(file: string, value: unknown): Promise<void> {
  const handle = await open(file, 'w');
  try {
    await handle.writeFile(`${JSON.stringify(value, null, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const mismatch = 'Weights and config.json must come from the same checkpoint, whole and undamaged.';

const tokenizerFiles = new Set([
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'added_tokens.json',
  'chat_template.jinja',
  'vocab.json',
  'vocab.txt',
  'merges.txt',
  'tokenizer.model',
]);

/** Old Llama files store the rotary frequencies, and some tied ones the head as well. */
function ignored(name: string, tied: boolean): boolean {
  return name.endsWith('.rotary_emb.inv_freq') || (tied && name === 'lm_head.weight');
}
