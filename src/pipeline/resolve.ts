import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve as resolvePath } from 'node:path';
import { parse as parseYamlValue, stringify } from 'yaml';
import { didYouMean } from '../core/did-you-mean.ts';
import { type Place, RlevError, RlevErrors } from '../core/errors.ts';
import type { Catalogue, StageDefinition } from '../core/stage.ts';
import { findings } from './findings.ts';
import { checkFlow } from './flow.ts';
import { type Located, type Path, parseYaml } from './located.ts';
import { keysAt, type PipelineFile, type PolicySection, pipelineSchema } from './schema.ts';

export interface ResolvedStage {
  readonly id: string;
  readonly use: string;
  readonly definition: StageDefinition;
  /** As its schema parsed them, defaults filled in. */
  readonly params: unknown;
  readonly place: Place;
}

export interface ResolvedBranch {
  readonly id: string;
  readonly every: number | undefined;
  readonly stages: readonly ResolvedStage[];
  readonly place: Place;
}

/** A pipeline file, read, overridden and checked: everything that a run needs to know. */
export interface Pipeline {
  readonly file: string;
  /** Absolute folder that its paths are relative to. */
  readonly base: string;
  readonly name: string;
  readonly run: PipelineFile['run'];
  readonly policy: PolicySection | undefined;
  readonly policyPlace: Place;
  readonly stages: readonly ResolvedStage[];
  readonly evaluate: readonly ResolvedBranch[];
  /** What was changed in silence, each in one sentence: parameters dropped by a swap. */
  readonly notices: readonly string[];
  /** The resolved pipeline as YAML, defaults filled in; `base` is what its paths shall be relative to. */
  toYaml(base: string): string;
}

export interface LoadOptions {
  readonly catalogue: Catalogue;
  /** Overrides, `stages.rollout.samples=4`: a path of keys, `=`, and a value in YAML. */
  readonly set?: readonly string[];
}

/**
 * Reads a pipeline file and checks everything that can be checked without its data and its policy.
 *
 * @throws RlevErrors with every finding: `config/*` with file, line and column
 * @throws RlevError `data/missing-file` where the file is not there
 */
export async function loadPipeline(file: string, options: LoadOptions): Promise<Pipeline> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new RlevError({
      code: 'data/missing-file',
      message: `The pipeline file ${file} cannot be read.`,
      value: file,
      help: 'Name a YAML file, such as pipelines/rlev.yaml.',
      cause,
    });
  }
  return resolvePipeline(text, file, options);
}

/** The same from text; `file` is where paths are relative to and what errors name. */
export function resolvePipeline(text: string, file: string, options: LoadOptions): Pipeline {
  const notices: string[] = [];
  const source = overridden(parseYaml(text, file), options, notices);
  const parsed = pipelineSchema.safeParse(source.data);
  if (!parsed.success) {
    throw new RlevErrors(findings(parsed.error, source, [], (below) => keysAt(pipelineSchema, below)));
  }
  const config = parsed.data;
  const errors: RlevError[] = [];
  const stages = resolveStages(source, options.catalogue, errors);
  const evaluate = Object.keys(config.evaluate).map((id) =>
    resolveBranch(id, config, source, options.catalogue, errors, notices),
  );
  errors.push(...policyErrors(config.policy, source));
  if (errors.length === 0) {
    errors.push(...checkFlow(stages));
    for (const branch of evaluate) errors.push(...checkFlow(branch.stages));
  }
  if (errors.length > 0) throw new RlevErrors(dedupe(errors));
  return {
    file,
    base: resolvePath(dirname(file), config.base),
    name: config.run.name ?? basename(file).replace(/\.ya?ml$/, ''),
    run: config.run,
    policy: config.policy,
    policyPlace: source.placeOfKey(['policy']),
    stages,
    evaluate,
    notices,
    toYaml: (base) => toYaml(config, stages, evaluate, base),
  };
}

function overridden(source: Located, options: LoadOptions, notices: string[]): Located {
  let result = source;
  const uses: Path[] = [];
  const own = new Set<string>();
  for (const set of options.set ?? []) {
    const place = { file: `--set ${set}` };
    const equals = set.indexOf('=');
    if (equals < 1) {
      throw new RlevError({
        code: 'usage/arguments',
        message: `--set takes path=value, not ${JSON.stringify(set)}.`,
        value: set,
        help: 'For instance --set stages.rollout.samples=4.',
      });
    }
    const path = set.slice(0, equals).split('.');
    const ids = Object.keys((source.data as PipelineFile | null)?.stages ?? {});
    if (path[0] === 'stages' && path.length > 2 && !ids.includes(path[1]!)) {
      throw new RlevError({
        code: 'config/unknown-key',
        message: `No stage has the id ${JSON.stringify(path[1])}.`,
        value: path[1],
        place,
        help: didYouMean(path[1]!, ids),
      });
    }
    result = result.with(path, parseYamlValue(set.slice(equals + 1)), place);
    own.add(path.join('.'));
    if (path.at(-1) === 'use' && path.includes('stages')) uses.push(path);
  }
  for (const path of uses) {
    const at = path.slice(0, -1);
    const params = at.reduce<unknown>((d, key) => (d as Record<string, unknown>)[key], result.data);
    const use = (params as { use: unknown }).use;
    const definition = options.catalogue.get(String(use));
    if (!definition) continue;
    const known = keysAt(definition.params as never, []);
    for (const key of Object.keys(params as object)) {
      if (key === 'use' || known.includes(key) || own.has([...at, key].join('.'))) continue;
      result = result.without([...at, key]);
      notices.push(`${at.join('.')}.${key} was dropped: ${definition.name} has no such parameter.`);
    }
  }
  return result;
}

function resolveStages(source: Located, catalogue: Catalogue, errors: RlevError[]): ResolvedStage[] {
  const stages = (source.data as PipelineFile).stages;
  if (Object.keys(stages).length === 0) {
    errors.push(
      new RlevError({
        code: 'config/missing',
        message: 'stages has no stage.',
        place: source.placeOfKey(['stages']),
        help: 'Begin with a source: prompts: { use: prompts/exam, file: ... }',
      }),
    );
  }
  return Object.entries(stages).flatMap(([id, config]) => {
    const stage = resolveStage(id, config, source, catalogue, errors);
    return stage ? [stage] : [];
  });
}

function resolveStage(
  id: string,
  config: { use: string; [key: string]: unknown },
  source: Located,
  catalogue: Catalogue,
  errors: RlevError[],
): ResolvedStage | undefined {
  const path = ['stages', id];
  if (!/^[A-Za-z][\w-]*$/.test(id)) {
    errors.push(
      new RlevError({
        code: 'config/type',
        message: `A stage cannot be called ${JSON.stringify(id)}.`,
        value: id,
        place: source.placeOfKey(path),
        help: 'An id begins with a letter and goes on with letters, digits, `_` and `-`.',
      }),
    );
    return undefined;
  }
  const definition = catalogue.get(config.use);
  if (!definition) {
    errors.push(
      new RlevError({
        code: 'config/unknown-stage',
        message: `No stage is called ${JSON.stringify(config.use)}.`,
        value: config.use,
        place: source.placeOf([...path, 'use']),
        help: didYouMean(config.use, [...catalogue.keys()]),
      }),
    );
    return undefined;
  }
  const { use, ...params } = config;
  const parsed = definition.params.safeParse(params);
  if (!parsed.success) {
    errors.push(
      ...findings(parsed.error, source, path, (below) => keysAt(definition.params as never, below)),
    );
    return undefined;
  }
  return { id, use, definition, params: parsed.data, place: source.placeOfKey(path) };
}

function resolveBranch(
  id: string,
  config: PipelineFile,
  source: Located,
  catalogue: Catalogue,
  errors: RlevError[],
  notices: string[],
): ResolvedBranch {
  const branch = config.evaluate[id]!;
  const at = ['evaluate', id];
  const ids = Object.keys(config.stages);
  for (const [key, path] of [
    [branch.through, [...at, 'through']] as const,
    ...Object.keys(branch.stages).map((stage) => [stage, [...at, 'stages', stage]] as const),
  ]) {
    if (!ids.includes(key)) {
      errors.push(
        new RlevError({
          code: 'config/unknown-key',
          message: `No stage above has the id ${JSON.stringify(key)}.`,
          value: key,
          place: path.length > 3 ? source.placeOfKey(path) : source.placeOf(path),
          help: didYouMean(key, ids),
        }),
      );
    }
  }
  let patched = source;
  for (const stage of ids) {
    const patch = branch.stages[stage];
    if (!patch) continue;
    const definition = patch.use === undefined ? undefined : catalogue.get(patch.use);
    if (definition && patch.use !== config.stages[stage]!.use) {
      const known = keysAt(definition.params as never, []);
      for (const key of Object.keys(config.stages[stage]!)) {
        if (key === 'use' || known.includes(key)) continue;
        patched = patched.without(['stages', stage, key]);
        notices.push(
          `In evaluate.${id}, ${stage}.${key} was dropped: ${definition.name} has no such parameter.`,
        );
      }
    }
    for (const [key, value] of Object.entries(patch)) {
      if (value === undefined) continue;
      const from = [...at, 'stages', stage, key];
      patched = patched.with(['stages', stage, key], value, source.placeOf(from), source.placeOfKey(from));
    }
  }
  const last = ids.indexOf(branch.through);
  const stages = ids.slice(0, last + 1).flatMap((stage) => {
    const use = (patched.data as PipelineFile).stages[stage]!;
    const resolved = resolveStage(stage, use, patched, catalogue, errors);
    return resolved ? [resolved] : [];
  });
  return { id, every: branch.every, stages, place: source.placeOfKey(at) };
}

function policyErrors(policy: PolicySection | undefined, source: Located): RlevError[] {
  if (!policy) return [];
  const place = source.placeOfKey(['policy']);
  if ((policy.from === undefined) === (policy.init === undefined)) {
    return [
      new RlevError({
        code: policy.from === undefined ? 'config/missing' : 'config/type',
        message: 'policy takes either from: (a checkpoint) or init: (random weights), one of the two.',
        place,
      }),
    ];
  }
  if (policy.init && policy.tokenizer === undefined) {
    return [
      new RlevError({
        code: 'config/missing',
        message: 'policy.tokenizer is missing: random weights bring no tokenizer.',
        place,
        help: 'Name a folder with tokenizer.json and tokenizer_config.json.',
      }),
    ];
  }
  return [];
}

function dedupe(errors: readonly RlevError[]): RlevError[] {
  const seen = new Set<string>();
  return errors.filter((e) => !seen.has(e.message) && seen.add(e.message));
}

function toYaml(
  config: PipelineFile,
  stages: readonly ResolvedStage[],
  evaluate: readonly ResolvedBranch[],
  base: string,
): string {
  const plain = (list: readonly ResolvedStage[]): Record<string, unknown> =>
    Object.fromEntries(list.map((s) => [s.id, { use: s.use, ...(s.params as object) }]));
  return stringify(
    {
      rlev: 1,
      base,
      run: config.run,
      ...(config.policy && { policy: config.policy }),
      stages: plain(stages),
      ...(evaluate.length > 0 && {
        evaluate: Object.fromEntries(
          evaluate.map((b) => [
            b.id,
            { ...(b.every && { every: b.every }), through: b.stages.at(-1)!.id, stages: plain(b.stages) },
          ]),
        ),
      }),
    },
    { lineWidth: 0, aliasDuplicateObjects: false },
  );
}
