import { expect } from 'chai';
import { RlevError } from '../../src/core/errors.ts';
import type { JournalEntry } from '../../src/log/event-log.ts';
import { planRepair, repairRun } from '../../src/log/repair.ts';
import { createRun, openRun } from '../../src/log/run-directory.ts';
import { verifyRun } from '../../src/log/verify.ts';
import { all, columnsDraft, origin, pipeline, updateDraft } from './events.ts';
import { FakeFiles } from './fake-files.ts';

/** A run of two steps with columns, updates and a checkpoint, and what is in it. */
export async function smallRun(): Promise<{ files: FakeFiles; entries: JournalEntry[] }> {
  const files = new FakeFiles();
  const log = await createRun('/run', origin, pipeline, { files });
  for (const step of [0, 1]) {
    await log.append(columnsDraft(step));
    await log.append(updateDraft(step));
    if (step === 1) continue;
    await log.checkpoint({
      key: { step: 1, round: 0, part: 0, stage: 'checkpoint', scope: 'train' },
      use: 'checkpoint',
      params: {},
      parents: [],
      keep: 1,
      write: (directory) => files.append(`${directory}/model.safetensors`, new Uint8Array(64).fill(step)),
    });
  }
  await log.close();
  return { files, entries: await all(await openRun('/run', { files, write: false })) };
}

/**
 * Verifies and repairs a run with one file damaged. Either the damage is found, and the repaired run verifies and
 * holds all events of the whole one before byte `at`; or it is found and nothing can mend it; or the run is a shorter valid one.
 */
export async function survives(
  whole: { readonly files: FakeFiles; readonly entries: readonly JournalEntry[] },
  path: string,
  broken: Uint8Array,
  at: number,
): Promise<'shorter' | 'repaired' | 'hopeless'> {
  const files = whole.files.restarted('all');
  files.put(path, broken);
  const found = await verifyRun('/run', { files });
  for (const { error } of found.findings) expect(error.place?.file, error.message).to.match(/^\/run\//);
  if (found.findings.length > 0) {
    expect(
      found.findings.map((f) => f.error.place?.file).some((file) => file === path || /journal/.test(file!)),
      path,
    ).to.equal(true);
  }
  let plan: ReturnType<typeof planRepair>;
  try {
    plan = planRepair(found);
  } catch (error) {
    expect(error).to.be.instanceOf(RlevError);
    return 'hopeless';
  }
  if (plan) await repairRun(plan, { files });
  const after = await verifyRun('/run', { files });
  expect(after.findings.map((f) => f.error.message)).to.deep.equal([]);
  expect(after.remnants).to.deep.equal([]);
  const log = await openRun('/run', { files, write: false });
  const left = await all(log);
  expect(left).to.deep.equal(whole.entries.slice(0, left.length));
  if (path.endsWith('journal.ndjson')) {
    const before = broken.subarray(0, at).filter((byte) => byte === 10).length;
    expect(left, `byte ${at} of ${path}`).to.have.length(before - 1);
  }
  for (const entry of left) if (entry.segment) await log.read(entry);
  return found.findings.length > 0 ? 'repaired' : 'shorter';
}

/** Damages every file of the small run in every way that is chosen; how often each end was met. */
export async function damages(chosen: (n: number) => boolean): Promise<Record<string, number>> {
  const whole = await smallRun();
  const ends: Record<string, number> = { shorter: 0, repaired: 0, hopeless: 0 };
  let n = 0;
  for (const path of whole.files.paths()) {
    const bytes = Uint8Array.from(whole.files.content(path));
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      if (!chosen(n++)) continue;
      const broken = bytes.slice();
      broken[bit >> 3]! ^= 1 << (bit & 7);
      const end = await survives(whole, path, broken, bit >> 3);
      expect(end, `bit ${bit} of ${path}`).not.to.equal('shorter');
      ends[end]!++;
    }
    for (let length = 0; length < bytes.length; length++) {
      if (chosen(n++)) ends[await survives(whole, path, bytes.slice(0, length), length)]!++;
    }
  }
  return ends;
}
