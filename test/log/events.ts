import * as fc from 'fast-check';
import { allColumnsOf, batchOf } from '../../src/core/batch.ts';
import { type AnyColumns, raggedFloat32, raggedInt32 } from '../../src/core/columns.ts';
import type { EventDraft, EventLog, JournalEntry, Outline, RunOrigin } from '../../src/log/event-log.ts';

export const origin: RunOrigin = {
  versions: { rlev: '0.1.0', node: '20.0.0' },
  cpu: ['avx2', 'fma'],
  data: { 'train.jsonl': '0'.repeat(64) },
  policy: '1'.repeat(64),
};
export const pipeline = 'rlev: 1\nstages: {}\n';

/** Columns of a rollout of so many rows, different for every step. */
export function rolloutColumns(step: number, rows = 4): AnyColumns {
  const lists = Array.from({ length: rows }, (_, i) =>
    Array.from({ length: i % 3 }, (_, t) => step + i / 8 + t),
  );
  return {
    row_id: lists.map((_, i) => `${step}.0.0.${i}`),
    response: lists.map((_, i) => (i % 2 ? 'sept' : 'zwölf €\n')),
    answer: lists.map((_, i) => (i % 2 ? null : String(i))),
    response_tokens: raggedInt32(lists.map((l) => l.map(Math.floor))),
    sampled_logprobs: raggedFloat32(lists),
  };
}

export function columnsDraft(step: number, more: Partial<EventDraft> = {}): EventDraft {
  return {
    key: { step, round: 0, part: 0, stage: 'rollout', scope: 'train' },
    kind: 'columns',
    use: 'rollout/policy',
    params: { samples: 8, temperature: 1 },
    parents: [],
    columns: rolloutColumns(step),
    ...more,
  };
}

export function updateDraft(step: number, more: Partial<EventDraft> = {}): EventDraft {
  return {
    key: { step, round: 0, part: 0, stage: 'optimize', scope: 'train' },
    kind: 'update',
    use: 'optimize/policy-gradient',
    params: { adamw: { lr: 1e-4 } },
    parents: ['a'.repeat(64)],
    data: { version: step + 1, metrics: { loss: 0.25, note: 'ä' } },
    ...more,
  };
}

export function rewardDraft(step: number): EventDraft {
  const columns = { reward: new Float64Array([0, 1.5, 2, 0]), scale: new Float64Array([1, 1.5, 2, 1]) };
  const key = { step, round: 0, part: 0, stage: 'reward', scope: 'eval:held.out' } as const;
  return columnsDraft(step, { key, use: 'reward/rlev', params: { alpha: 10 }, columns });
}

export async function all(log: EventLog, wanted?: (event: Outline) => boolean): Promise<JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for await (const entry of log.entries(wanted)) entries.push(entry);
  return entries;
}

/** What `read` gives for columns that went through the log: the same as for columns that went through a batch. */
export function throughArrow(draft: EventDraft): AnyColumns {
  return allColumnsOf(batchOf(draft.columns!, draft.specs));
}

/** Drafts of every kind, with columns of every kind of data. */
const anyDraft: fc.Arbitrary<EventDraft> = fc
  .record({
    step: fc.nat(1000),
    round: fc.nat(3),
    part: fc.nat(3),
    stage: fc.constantFrom('rollout', 'my stage', 'x.y/z', 'ü'),
    scope: fc.constantFrom('train' as const, 'eval:heldOut' as const, 'eval:a/b ü' as const),
    rows: fc.array(
      fc.record({
        id: fc.string({ unit: 'grapheme' }),
        answer: fc.option(fc.string()),
        list: fc.array(fc.float({ noNaN: false }), { maxLength: 5 }),
        parts: fc.array(fc.string(), { maxLength: 3 }),
        real: fc.double(),
        flag: fc.boolean(),
      }),
      { maxLength: 6 },
    ),
    data: fc.option(
      fc.dictionary(
        fc.string().filter((name) => name !== '__proto__'),
        fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)),
        {
          noNullPrototype: true,
        },
      ),
      { nil: undefined },
    ),
    keep: fc.constantFrom(undefined, true, false),
    kind: fc.constantFrom('columns' as const, 'select' as const, 'update' as const, 'seal' as const),
  })
  .map(({ rows, data, keep, kind, ...key }) => ({
    key,
    kind,
    use: 'test/any',
    params: { a: 1 },
    parents: [],
    ...(data && { data }),
    ...(keep !== undefined && { keep }),
    ...(kind === 'columns' && {
      columns: {
        row_id: rows.map((r) => r.id),
        answer: rows.map((r) => r.answer),
        advantage: raggedFloat32(rows.map((r) => r.list)),
        reference: rows.map((r) => r.parts),
        reward: Float64Array.from(rows, (r) => r.real),
        'data.flag': Uint8Array.from(rows, (r) => (r.flag ? 1 : 0)),
      },
      specs: { 'data.flag': { kind: 'bool', nullable: false, doc: 'a flag' } },
    }),
  }));

/** Up to six drafts of different keys. */
export const someDrafts = fc.uniqueArray(anyDraft, {
  maxLength: 6,
  selector: ({ key }) => JSON.stringify(key),
});
