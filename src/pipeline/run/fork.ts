import { RlevError } from '../../core/errors.ts';
import type { PolicyInfo } from '../../core/services.ts';
import { parseAddress } from '../../log/address.ts';
import { verifyCheckpoint } from '../../log/checkpoints.ts';
import type { EventLog, JournalEntry, RunOrigin } from '../../log/event-log.ts';
import { nodeFiles } from '../../log/files.ts';
import { sha256 } from '../../log/identity.ts';
import { originOf } from '../../log/origin.ts';
import { openRun } from '../../log/run-directory.ts';
import type { Assembly } from './assemble.ts';
import { type CheckpointOf, keptCheckpoints } from './checkpoint.ts';

/** A step of a recorded run, which `RUN@STEP` addresses. */
export interface RunStep {
  /** The run directory. */
  readonly run: string;
  readonly step: number;
}

/** Reads `RUN@STEP`. @throws RlevError `usage/arguments` where it names no step */
export function runStepOf(text: string): RunStep {
  const { run, step } = parseAddress(text);
  if (step !== undefined) return { run, step };
  throw new RlevError({
    code: 'usage/arguments',
    message: `${text} names no step.`,
    value: text,
    help: `Write RUN@STEP, with a step that has a checkpoint: see ${run}/checkpoints.`,
  });
}

/** A checkpoint of another run, from which a run goes on. */
export interface ForkPoint {
  readonly run: string;
  readonly entry: JournalEntry;
}

/**
 * Finds the checkpoint to fork from.
 *
 * @param steps steps of the run that shall go on from it.
 * @throws RlevError `run/not-found` with the steps that have a checkpoint; `usage/arguments` where no step is
 * left; `run/corrupt`
 */
export async function forkPoint({ run, step }: RunStep, steps: number): Promise<ForkPoint> {
  const log = await openRun(run, { write: false });
  const found = await keptCheckpoints(log).finally(() => log.close());
  const entry = found.find(({ key }) => key.step === step);
  if (!entry) {
    throw new RlevError({
      code: 'run/not-found',
      message: `${run} has no checkpoint of step ${step}.`,
      value: step,
      place: { file: run },
      help:
        found.length === 0
          ? 'It has none at all: set run.checkpoint.every before a run.'
          : `These steps have one: ${found.map(({ key }) => key.step).join(', ')}.`,
    });
  }
  if (step < steps) {
    await verifyCheckpoint(nodeFiles(), run, entry);
    return { run, entry };
  }
  throw new RlevError({
    code: 'usage/arguments',
    message: `The pipeline ends after ${steps} steps, and ${run}@${step} has done ${step}.`,
    value: steps,
    help: `Let it go on longer: --set run.steps=${step + steps}.`,
  });
}

/** The event that a fork begins with: a checkpoint of its own. Undefined where a run is no fork. */
export async function forkOf(log: EventLog): Promise<JournalEntry | undefined> {
  for await (const entry of log.entries()) return entry.data?.forkedFrom === undefined ? undefined : entry;
  return undefined;
}

/** The draft of the checkpoint that a fork begins with. */
export function firstCheckpoint({ entry: { key, identity, data } }: ForkPoint): CheckpointOf {
  const { version, hash } = data as { version: number; hash: string };
  return { step: key.step, keep: 1, parents: [identity], data: { version, hash, forkedFrom: identity } };
}

/**
 * What makes a run with this assembly, for its header.
 *
 * Of a fork, the starting policy's hash covers the checkpoint too: a fork that stopped before its own first
 * checkpoint is then not taken for a run from the beginning.
 *
 * @param forkedFrom identity of the checkpoint that the run is forked from.
 */
export function originOfRun({ datasets, code, policy }: Assembly, forkedFrom?: string): Promise<RunOrigin> {
  const data = Object.fromEntries([
    ...[...datasets].map(([scope, { hash }]) => [scope, hash] as const),
    ...[...code].map(([file, hash]) => [`code ${file}`, hash] as const),
  ]);
  const start = policy ? startingHash(policy.info) : '';
  return originOf({
    data,
    policy: forkedFrom === undefined ? start : sha256(`rlev fork ${start} ${forkedFrom}`),
  });
}

/** What stands for the weights that a run begins with: the hash of the policy's, and of the critic's where there is one. */
export function startingHash({ weightsHash, critic }: PolicyInfo): string {
  return critic ? sha256(`rlev start ${weightsHash} ${critic.weightsHash}`) : weightsHash;
}
