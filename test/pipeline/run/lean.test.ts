import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { columnOf } from '../../../src/core/batch.ts';
import { listCohorts } from '../../../src/log/list.ts';
import { openRun } from '../../../src/log/run-directory.ts';
import { verifyRun } from '../../../src/log/verify.ts';
import { diffRuns } from '../../../src/pipeline/replay/diff-runs.ts';
import { replay } from '../../../src/pipeline/replay/replay.ts';
import { resume } from '../../../src/pipeline/run/resume.ts';
import { errorOf } from '../../support/stage.ts';
import { cutAfter, eventsOf } from '../replay/recorded.ts';
import { furnish, record, stagesWith, stepsOf } from '../small-run.ts';

describe('a lean recording', function () {
  this.timeout(60_000);
  const catalogue = stagesWith();
  let folder: string;
  let full: string;
  let lean: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rlev-lean-'));
    await furnish(folder);
    full = await record(folder, 'full');
    lean = await record(folder, 'lean', 'run.record=lean');
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const bytesByStage = async (directory: string): Promise<Map<string, number>> => {
    const log = await openRun(directory, { write: false });
    const bytes = new Map<string, number>();
    for await (const cohort of listCohorts(log)) {
      for (const s of cohort.stages) bytes.set(s.stage, (bytes.get(s.stage) ?? 0) + s.bytes);
    }
    await log.close();
    return bytes;
  };

  it('has the events of a full one, with the same identities, and verifies', async () => {
    expect(await eventsOf(lean)).to.deep.equal(await eventsOf(full));
    expect((await verifyRun(lean)).findings).to.deep.equal([]);
    const { identical, pipeline } = await diffRuns(full, lean, { catalogue });
    expect(identical).to.equal(true);
    expect(pipeline.map(({ key }) => key)).to.deep.equal(['run.record']);
  });

  it('says in a comparison with another run which columns are not there to compare', async () => {
    const other = await record(folder, 'other', 'run.steps=1', 'stages.reward.alpha=3');
    const notices: string[] = [];
    const { columns } = await diffRuns(other, lean, { catalogue, notice: (m) => notices.push(m) });
    expect(notices).to.have.length(1);
    expect(notices[0]).to.match(/^The columns of reward, advantage are not compared: .*lean/);
    expect(columns.train!.differing).to.deep.equal([]);
  });

  it('leaves out what follows from other columns, and keeps what was sampled and judged', async () => {
    const [all, some] = [await bytesByStage(full), await bytesByStage(lean)];
    for (const stage of ['value', 'reward', 'advantage']) expect(some.get(stage)).to.equal(0);
    for (const stage of ['prompts', 'rollout', 'verify']) expect(some.get(stage)).to.equal(all.get(stage));
    const [step] = await stepsOf(lean);
    expect(step!.getChild('advantage')).to.equal(null);
    expect(columnOf(step!, 'correct')).to.have.length(16);
  });

  it('says of a column that it was not kept, and what computes it again', async () => {
    const log = await openRun(lean, { write: false });
    for await (const entry of log.entries()) {
      if (entry.key.stage !== 'advantage') continue;
      const error = await errorOf(() => log.read(entry), 'run/not-found');
      expect(error.message)
        .to.match(/not kept/)
        .and.to.match(/rlev replay/);
    }
    await log.close();
  });

  it('is replayed from what it kept, to the recorded identities', async () => {
    const notices: string[] = [];
    const { from, check } = await replay(lean, {
      catalogue,
      check: true,
      notice: (message) => notices.push(message),
    });
    expect(from).to.equal('verify');
    expect(check).to.deep.equal({ compared: 12, changed: 0, difference: undefined });
    expect(notices.join()).to.include('has no columns of value, reward, advantage to compare with');
    const changed = await replay(lean, { catalogue, set: ['stages.advantage.use=advantage/grpo'] });
    expect(changed.from).to.equal('value');
  });

  it('gives, replayed into a run, what a full one has', async () => {
    const { directory } = await replay(lean, { catalogue, from: 'value', directory: join(folder, 'again') });
    const [again] = await stepsOf(directory!);
    const [step] = await stepsOf(full);
    expect(columnOf(again!, 'advantage').values).to.deep.equal(columnOf(step!, 'advantage').values);
  });

  it('is resumed from the middle of a step to the same identities', async () => {
    const events = await eventsOf(lean);
    const cut = join(folder, 'cut');
    await cutAfter(lean, events.findIndex((line) => line.startsWith('train 1.0 advantage ')) + 1, cut);
    await resume(cut, { catalogue });
    expect(await eventsOf(cut)).to.deep.equal(events);
  });
});
