import { join } from 'node:path';
import { RlevError } from '../../core/errors.ts';
import { changePolicy } from '../../core/stage.ts';
import { verifyCheckpoint } from '../../log/checkpoints.ts';
import type { EventLog, JournalEntry } from '../../log/event-log.ts';
import { nodeFiles } from '../../log/files.ts';
import { checkpointFolder, keptCheckpoints, loadCheckpoint } from '../run/checkpoint.ts';
import type { Recording } from './recording.ts';
import type { Replayer } from './replayer.ts';
import { sameStage } from './same-stage.ts';
import { readsWeightsOfTheTime } from './weights-of-the-time.ts';

/** Whether a step needs the policy of its time: no update brings it, and a stage reads it. */
export function needsPolicyOfTheTime({ stages }: Replayer, recording: Recording): boolean {
  return !changePolicy(stages) && stages.some((wired) => readsWeightsOfTheTime(wired, recording));
}

/** The policy as it was before a step: the starting one, or that of the run's checkpoint. */
export async function startPolicy(replayer: Replayer, { log }: Recording, step: number): Promise<void> {
  const checkpoint = step === 0 ? undefined : await checkpointAt(log, step);
  const policy = await replayer.openPolicy();
  if (checkpoint) await loadCheckpoint(log.directory, checkpoint, { policy, stages: [] });
}

/**
 * Stages that keep a state from cohort to cohort, as they were before a step: at the run's beginning as they are made,
 * later from its checkpoint. Without one, and where the recording has another stage, the state begins anew, which is said;
 * so does that of an evaluation, whose stages are not in checkpoints.
 */
export async function startStates(
  { stages }: Replayer,
  { log, pipeline, scope }: Recording,
  step: number,
  notice: (message: string) => void,
): Promise<void> {
  const keepers = stages.filter(({ stage }) => stage.save);
  if (step === 0 || keepers.length === 0) return;
  const at = scope === 'train' ? checkpointAt(log, step) : undefined;
  const checkpoint = await at?.catch((error: unknown) => {
    if (error instanceof RlevError && error.code === 'run/not-found') return undefined;
    throw error;
  });
  for (const wired of keepers) {
    const { id, definition, stage } = wired;
    const recorded = pipeline.stages.find((s) => s.id === id);
    if (checkpoint && sameStage(wired, recorded)) {
      await stage.load?.(join(checkpointFolder(log.directory, checkpoint), 'stages', id));
    } else {
      notice(
        `${id} (${definition.name}) keeps a state from step to step, and begins anew at step ${step}: replay from step 0 for what it would have come to by then.`,
      );
    }
  }
}

/** @throws RlevError `run/not-found` with the steps that have one; `run/corrupt` */
async function checkpointAt(log: EventLog, step: number): Promise<JournalEntry> {
  const kept = await keptCheckpoints(log);
  const entry = kept.find(({ key }) => key.step === step);
  if (entry) {
    await verifyCheckpoint(nodeFiles(), log.directory, entry);
    return entry;
  }
  throw new RlevError({
    code: 'run/not-found',
    message: `The replay needs the policy as it was at step ${step}, and the run keeps no checkpoint of that.`,
    value: step,
    help: `Begin where there is one, with --steps: ${['step 0', ...kept.map(({ key }) => key.step)].join(', ')}.`,
  });
}
