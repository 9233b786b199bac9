import { closeSync, mkdirSync, openSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { expect } from 'chai';
import type { JournalEntry } from '../../src/log/event-log.ts';
import { sha256 } from '../../src/log/identity.ts';
import { toLine } from '../../src/log/lines.ts';
import { openRun } from '../../src/log/run-directory.ts';
import { all, origin, pipeline } from './events.ts';
import { scratch } from './scratch.ts';

const stages = ['prompts', 'rollout', 'verify', 'value', 'reward', 'shape', 'advantage'];

/** Writes a run of so many steps of eight events, its columns holes of the right length. */
function longRun(directory: string, steps: number): void {
  for (const folder of ['events', 'checkpoints']) mkdirSync(`${directory}/${folder}`, { recursive: true });
  writeFileSync(`${directory}/pipeline.yaml`, pipeline);
  const journal = openSync(`${directory}/journal.ndjson`, 'w');
  let { text, crc } = toLine({ format: 1, ...origin, pipeline: sha256(pipeline) });
  let seq = 0;
  const identity = 'a'.repeat(64);
  const add = (stage: string, step: number, more: Partial<JournalEntry>): void => {
    const key = { step, round: 0, part: 0, stage, scope: 'train' } as const;
    const line = toLine({
      seq: ++seq,
      key,
      kind: 'columns',
      use: `${stage}/this`,
      identity,
      ...more,
      prev: crc,
    });
    text += line.text;
    crc = line.crc;
  };
  for (let step = 0; step < steps; step++) {
    for (const stage of stages) {
      const offset = 500 + step * 1000;
      const file = `events/${stage}.0001.arrows`;
      add(stage, step, {
        segment: { file, head: 500, offset, length: 1000, sha256: identity, rows: 256 },
      });
    }
    const data = { metrics: { loss: 0.123456789, approx_kl: 1e-4 }, version: step + 1, hash: identity };
    add('optimize', step, { kind: 'update', data });
    if (text.length > 1e6) {
      writeSync(journal, text);
      text = '';
    }
  }
  writeSync(journal, text);
  closeSync(journal);
  for (const stage of stages) {
    writeFileSync(`${directory}/events/${stage}.0001.arrows`, '');
    truncateSync(`${directory}/events/${stage}.0001.arrows`, 500 + steps * 1000);
  }
}

describe('log, of 100,000 steps', function () {
  this.timeout(300_000);
  const path = scratch();

  it('opens, and holds no more for it than a shorter one', async () => {
    longRun(path('long'), 100_000);
    const before = process.memoryUsage().rss;
    const start = performance.now();
    const log = await openRun(path('long'), { write: false });
    const seconds = (performance.now() - start) / 1000;
    const grown = (process.memoryUsage().rss - before) / 2 ** 20;
    console.log(`      opened 800,000 events in ${seconds.toFixed(2)} s, memory +${grown.toFixed(0)} MB`);
    expect(log.count).to.equal(800_000);
    expect(log.recovery).to.deep.equal([]);
    expect(grown).to.be.lessThan(200);

    const again = performance.now();
    const last = await all(log, ({ key }) => key.step >= 99_990);
    const rest = (performance.now() - again) / 1000;
    const more = (process.memoryUsage().rss - before) / 2 ** 20;
    console.log(`      found the last 80 of them in ${rest.toFixed(2)} s, memory +${more.toFixed(0)} MB`);
    expect(last.map((e) => e.seq)).to.deep.equal(Array.from({ length: 80 }, (_, i) => 799_921 + i));
    expect(more).to.be.lessThan(200);
    await log.close();
  });
});
