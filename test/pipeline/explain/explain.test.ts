import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { parse } from 'yaml';
import { explainPipeline } from '../../../src/pipeline/explain/explain.ts';
import { graphOf, mermaid } from '../../../src/pipeline/explain/graph.ts';
import { graphSvg } from '../../../src/pipeline/explain/graph-svg.ts';
import { resolvePipeline } from '../../../src/pipeline/file/resolve.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';

const base = `rlev: 1
run: { steps: 3 }
policy: { from: policy }
stages:
  prompts: { use: prompts/exam, file: train.jsonl }
  rollout: { use: rollout/policy, samples: 4 }
  verify: { use: verify/numeric }
  value: { use: value/points }
  reward: { use: reward/rlev }
  advantage: { use: advantage/grpo, std: false }
  optimize: { use: optimize/policy-gradient }
evaluate:
  heldOut: { every: 2, through: value, stages: { rollout: { samples: 1 } } }
`;

describe('explain', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rlev-explain-'));
    writeFileSync(join(folder, 'base.yaml'), base);
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const load = (patch: string, set: readonly string[] = []): ReturnType<typeof resolvePipeline> =>
    resolvePipeline(`rlev: 1\nextends: base.yaml\n${patch}`, join(folder, 'mine.yaml'), {
      catalogue: builtInStages,
      set,
      environment: { SEED: '5' },
    });

  it('says of each line that came from elsewhere where from', () => {
    const pipeline = load(`run: { seed: "\${SEED}" }\nstages: { advantage: { use: advantage/rloo } }`, [
      'stages.rollout.maxTokens=9',
    ]);
    const lines = explainPipeline(pipeline)
      .replaceAll(`${folder}/`, '')
      .split('\n')
      .map((line) => line.trim());
    expect(lines).to.include.members([
      `seed: 5 # \${SEED}`,
      'steps: 3 # base.yaml:2',
      'inFlight: 1 # default',
      'samples: 4 # base.yaml:6',
      'maxTokens: 9 # --set',
      'use: advantage/rloo',
      '# stages.advantage.std was dropped: advantage/rloo has no such parameter.',
    ]);
  });

  it('says of each stage what it does, reads and adds', () => {
    const text = explainPipeline(load(''));
    expect(text).to.include(
      [
        `  # ${builtInStages.get('reward/rlev')!.summary}`,
        '  # reads value from value; correct from verify',
        '  # adds scale, reward',
        '  reward:',
      ].join('\n'),
    );
  });

  it('is a pipeline that resolves to the same', () => {
    const pipeline = load('', ['stages.rollout.maxTokens=9']);
    const again = resolvePipeline(explainPipeline(pipeline), join(folder, 'again.yaml'), {
      catalogue: builtInStages,
    });
    expect(parse(again.toYaml('.'))).to.deep.equal(parse(pipeline.toYaml('.')));
  });

  it('draws stages, columns on the edges, credits and evaluations', () => {
    const graph = graphOf(load(''));
    expect(graph.edges).to.deep.include({ from: 'prompts', to: 'value', columns: ['points', 'exam_total'] });
    expect(graph.edges).to.deep.include({ from: 'rollout', to: 'verify', columns: ['response'] });
    expect(graph.credits.map(({ from, to }) => [from, to])).to.deep.equal([
      ['optimize', 'prompts'],
      ['optimize', 'rollout'],
    ]);
    const notes = graph.stages.filter(({ note }) => note !== '').map(({ id, note }) => `${id}: ${note}`);
    expect(notes[0]).to.equal('prompts: source');
    expect(notes[1]).to.match(/^rollout: \d rows of each$/);
    expect(notes.at(-1)).to.equal('optimize: update');
    expect(mermaid(graph))
      .to.match(/^flowchart TB\n/)
      .and.to.include('s_verify -->|"correct"| s_reward');
    const svg = graphSvg(graph, 'a & b');
    expect(svg)
      .to.include('a &amp; b')
      .and.to.include('points, exam_total')
      .and.to.include('evaluate heldOut');
    expect(svg.match(/marker-end/g)).to.have.length(graph.edges.length + graph.credits.length);
  });
});
