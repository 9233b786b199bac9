import type { ListedCohort } from '../log/list.ts';
import { fixed } from './format.ts';
import { textTable } from './text-table.ts';

/** Cohorts under one heading: what is held in memory until it is printed. */
const block = 1000;

/**
 * A line a cohort: its events, rows and bytes, and the first six digits of the identity of each stage. A long run has
 * a table for every 1,000 cohorts.
 */
export async function* runList(cohorts: AsyncIterable<ListedCohort>, width: number): AsyncGenerator<string> {
  let held: ListedCohort[] = [];
  for await (const cohort of cohorts) {
    held.push(cohort);
    if (held.length < block) continue;
    yield `${tableOf(held, width)}\n`;
    held = [];
  }
  if (held.length > 0) yield `${tableOf(held, width)}\n`;
}

function tableOf(cohorts: readonly ListedCohort[], width: number): string {
  const stages = [...new Set(cohorts.flatMap((c) => c.stages.map((s) => s.stage)))];
  const numbers = ['step', 'events', 'rows', 'bytes'];
  const rows = cohorts.map((cohort) => [
    cohort.scope,
    `${cohort.step}${cohort.rounds > 1 ? ` (${cohort.rounds} rounds)` : ''}`,
    fixed(cohort.events),
    fixed(cohort.rows),
    bytesOf(cohort.bytes),
    ...stages.map((stage) => cohort.stages.findLast((s) => s.stage === stage)?.identity.slice(0, 6) ?? ''),
  ]);
  return textTable(['scope', ...numbers, ...stages], rows, { width, right: new Set(numbers) });
}

/** `12.3 MB`: a size, in powers of 1,000. */
export function bytesOf(bytes: number): string {
  for (const [unit, size] of [
    ['GB', 1e9],
    ['MB', 1e6],
    ['kB', 1e3],
  ] as const)
    if (bytes >= size) return `${fixed(bytes / size, 1)} ${unit}`;
  return `${bytes} B`;
}
