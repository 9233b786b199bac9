import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { CheckpointDraft, EventLog, JournalEntry } from '../../log/event-log.ts';
import type { Assembly } from './assemble.ts';

export type CheckpointOf = Pick<CheckpointDraft, 'parents' | 'data' | 'keep'> & { readonly step: number };

/** Records policy, optimizer and stages as they are; where that is recorded and its folder gone, makes the folder again. */
export function saveCheckpoint(
  log: EventLog,
  { policy, stages }: Assembly,
  { step, ...draft }: CheckpointOf,
  recorded?: JournalEntry,
): Promise<JournalEntry> {
  const whole: CheckpointDraft = {
    key: { step, round: 0, part: 0, stage: 'checkpoint', scope: 'train' },
    use: 'checkpoint',
    params: {},
    ...draft,
    async write(directory) {
      await policy?.trainer.save(directory);
      for (const { id, stage } of stages) await stage.save?.(join(directory, 'stages', id));
    },
  };
  return log.checkpoint(whole, recorded);
}

/** Makes policy, optimizer and stages what they were at a checkpoint, whose files are verified. */
export async function loadCheckpoint(
  directory: string,
  entry: JournalEntry,
  { policy, stages }: Pick<Assembly, 'policy' | 'stages'>,
): Promise<void> {
  const folder = checkpointFolder(directory, entry);
  await policy?.trainer.load(folder);
  for (const { id, stage } of stages) if (stage.save) await stage.load?.(join(folder, 'stages', id));
}

/** The checkpoints of a run whose folders are there, oldest first. */
export async function keptCheckpoints(log: Pick<EventLog, 'directory' | 'entries'>): Promise<JournalEntry[]> {
  const kept: JournalEntry[] = [];
  for await (const entry of log.entries(({ kind }) => kind === 'checkpoint')) {
    if (existsSync(checkpointFolder(log.directory, entry))) kept.push(entry);
  }
  return kept;
}

/** Path of a checkpoint's folder. It is gone where the checkpoint was pruned. */
export function checkpointFolder(directory: string, { data }: JournalEntry): string {
  return join(directory, String(data?.directory));
}
