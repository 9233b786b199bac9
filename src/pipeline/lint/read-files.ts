import { resolve as resolvePath } from 'node:path';
import { RlevError, RlevErrors } from '../../core/errors.ts';
import { namesExport } from '../../core/module-use.ts';
import type { Policy } from '../../core/services.ts';
import type { Dataset, MapStage, Scope, SourceStage } from '../../core/stage.ts';
import { readCritic, readPolicy } from '../../policy/read-policy.ts';
import { valuesOver } from '../../stages/value/signals.ts';
import type { WiredStage } from '../../streams/cohort.ts';
import { columnsOf } from '../file/flow.ts';
import type { Pipeline } from '../file/resolve.ts';
import type { PlacedStage } from '../file/resolve-stage.ts';
import { createStage, policySource, setupOf } from '../run/assemble.ts';
import { shortPath } from '../short-path.ts';
import { errorFindings, type Finding } from './finding.ts';
import type { TrainingData } from './rule.ts';

export interface FilesRead {
  readonly findings: readonly Finding[];
  readonly training: TrainingData | undefined;
}

export interface ReadFilesOptions {
  /** Ids of stages that cannot be made, as is said already. */
  readonly broken?: ReadonlySet<string>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads what a pipeline names: the policy's configuration and tokenizer, and the questions of each flow, which every
 * stage sees as it does before a run. No weights are read, no engine is opened, nothing is sampled.
 */
export async function readFiles(
  pipeline: Pipeline,
  { broken, signal }: ReadFilesOptions = {},
): Promise<FilesRead> {
  const findings: Finding[] = [];
  const note = (error: unknown, place = pipeline.policyPlace): void => {
    if (error === unreadable) return;
    const known =
      error instanceof RlevError
        ? error
        : new RlevError({
            code: 'stage/failed',
            message: error instanceof Error ? error.message : String(error),
          });
    findings.push(...errorFindings(known, lastPlace(known) ?? place).map(shortened));
  };
  const policy = await policyOf(pipeline, note);
  const open = (): Policy | undefined => {
    if (pipeline.policy && !policy) throw unreadable;
    return policy;
  };
  let training: TrainingData | undefined;
  const flows: [Scope, readonly PlacedStage[]][] = [
    ['train', pipeline.stages],
    ...pipeline.evaluate.map(({ id, stages }): [Scope, readonly PlacedStage[]] => [`eval:${id}`, stages]),
  ];
  for (const [scope, stages] of flows) {
    const wired: WiredStage[] = [];
    try {
      for (const stage of stages) {
        signal?.throwIfAborted();
        // An update sees no data before a run. Made it is only where that loads a part by path, and so checks it.
        if (stage.definition.kind === 'update' && !namesOwnPart(stage)) continue;
        if (broken?.has(stage.id)) continue;
        try {
          wired.push(await createStage(stage, setupOf(pipeline, stage, open, { notice: () => undefined })));
        } catch (error) {
          note(error, stage.place);
        }
      }
      const failed = new Set<WiredStage>();
      const dataset = await prepare(wired, (stage, error) => {
        failed.add(stage);
        note(error, stage.place);
      });
      if (scope === 'train' && dataset) {
        training = { dataset, values: await questionValues(wired, failed, dataset) };
      }
    } finally {
      await Promise.allSettled(wired.map(async ({ stage }) => stage.close?.()));
    }
  }
  return { findings, training };
}

/** Where the last of several errors stands: what is said of the rest, which have no place, goes there. */
function lastPlace(error: RlevError): Finding['place'] | undefined {
  return error instanceof RlevErrors ? error.errors.findLast((e) => e.place)?.place : undefined;
}

/** Stands for a policy that is named and cannot be read, which is a finding already. */
const unreadable = new RlevError({
  code: 'policy/checkpoint',
  message: 'The policy cannot be read.',
  place: { file: '' },
});

function namesOwnPart({ definition, params }: PlacedStage): boolean {
  const given = params as Readonly<Record<string, { readonly use?: unknown }>>;
  return Object.keys(definition.parts ?? {}).some((key) => namesExport(String(given[key]?.use)));
}

type Note = (error: unknown, place?: Finding['place']) => void;

async function policyOf(pipeline: Pipeline, note: Note): Promise<Policy | undefined> {
  const { policy: section, base, source } = pipeline;
  // Neither of the two, or random weights without a tokenizer, is an error of the file itself.
  if (!section || (section.from === undefined && !(section.init && section.tokenizer))) return undefined;
  const key = section.from !== undefined ? 'from' : 'tokenizer';
  try {
    const text = await readPolicy(policySource(section, base));
    const critic = section.critic?.from;
    if (critic !== undefined) {
      await readCritic(resolvePath(base, critic), text.info).catch((error) =>
        noteFiles(error, source.placeOf(['policy', 'critic', 'from']), note),
      );
    }
    return text as Policy;
  } catch (error) {
    noteFiles(error, source.placeOf(['policy', key]), note);
    return undefined;
  }
}

/** What is wrong in files that the pipeline names at `place`. */
function noteFiles(error: unknown, place: Finding['place'], note: Note): void {
  const errors = error instanceof RlevErrors ? error.errors : [error];
  for (const each of errors) {
    if (!(each instanceof RlevError)) {
      note(each, place);
      continue;
    }
    const { code, summary, place: at, help } = each;
    const file = at ? `${shortPath(at.file)}: ` : '';
    note(new RlevError({ code, message: `${file}${summary}`, place, ...(help && { help }) }));
  }
}

async function prepare(
  wired: readonly WiredStage[],
  fail: (stage: WiredStage, error: unknown) => void,
): Promise<Dataset | undefined> {
  const [first] = wired;
  if (first?.definition.kind !== 'source') return undefined;
  try {
    const dataset = await (first.stage as SourceStage).dataset();
    for (const each of wired) {
      try {
        await each.stage.prepare?.(dataset);
      } catch (error) {
        fail(each, error);
      }
    }
    return dataset;
  } catch (error) {
    fail(first, error);
    return undefined;
  }
}

/** v(x) of each question, where the stage that gives it in the end is ready and reads nothing but the questions. */
async function questionValues(
  wired: readonly WiredStage[],
  failed: ReadonlySet<WiredStage>,
  dataset: Dataset,
): Promise<Float64Array | undefined> {
  const added = wired.findLast((stage) => columnsOf(stage).adds.includes('value'));
  if (added?.definition.kind !== 'map' || failed.has(added)) return undefined;
  try {
    return await valuesOver(
      { ...added, definition: added.definition, stage: added.stage as MapStage },
      dataset,
    );
  } catch {
    // What fails here fails in a run with its place; a check of the scale is not the one to say so.
    return undefined;
  }
}

function shortened(finding: Finding): Finding {
  return { ...finding, place: { ...finding.place, file: shortPath(finding.place.file) } };
}
