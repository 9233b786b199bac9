import type { JournalEntry } from './event-log.ts';

/**
 * Folds the events of a cohort, each round by itself, until the select that asked for a round takes it up: its next
 * event is of what it kept and what the round brought.
 *
 * @param entries of one scope and step, in journal order
 * @param empty a round before its first event
 * @param stack what was kept, and behind it what was brought
 * @returns the rounds that no select took up, in order: one, where the step was recorded to its end
 */
export async function foldRounds<T>(
  entries: Iterable<JournalEntry>,
  empty: T,
  stack: (kept: T, brought: T) => T,
  next: (at: T, entry: JournalEntry) => Promise<T>,
): Promise<T[]> {
  const rounds = new Map<number, T>();
  let asking: string | undefined;
  for (const entry of entries) {
    const { round, stage } = entry.key;
    let at = rounds.get(round) ?? empty;
    if (stage === asking && rounds.has(round - 1)) {
      at = stack(rounds.get(round - 1)!, at);
      rounds.delete(round - 1);
    }
    if (entry.data?.again === true) asking = stage;
    else if (stage === asking) asking = undefined;
    rounds.set(round, await next(at, entry));
  }
  return [...rounds.values()];
}
