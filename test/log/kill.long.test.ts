import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { createRun, openRun } from '../../src/log/run-directory.ts';
import { all, origin, pipeline } from './events.ts';
import { scratch } from './scratch.ts';

describe('log, when its process is killed', function () {
  this.timeout(120_000);
  const path = scratch();

  it('has every event that was acknowledged, and opens for the next writer', async () => {
    const run = path('killed');
    await (await createRun(run, origin, pipeline)).close();
    const acknowledged: string[] = [];
    for (let round = 0; round < 8; round++) {
      const script = fileURLToPath(new URL('append-forever.ts', import.meta.url));
      const child = spawn(process.execPath, ['--import', 'tsx', script, run], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      let said = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => {
        said += text;
      });
      await once(child.stdout, 'data');
      await new Promise((resolve) => setTimeout(resolve, 7 * round));
      child.kill('SIGKILL');
      await once(child, 'close');
      acknowledged.push(...said.split('\n').slice(0, -1));

      const log = await openRun(run, { write: round % 2 === 0 });
      const recorded = (await all(log)).map((e) => `${e.seq} ${e.identity}`);
      expect(recorded).to.include.members(acknowledged);
      for (const entry of await all(log)) if (entry.segment) await log.read(entry);
      await log.close();
    }
  });
});
