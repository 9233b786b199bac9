import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { catalogueOf, defineUpdate } from '../../../src/core/stage.ts';
import { loadPipeline } from '../../../src/pipeline/file/resolve.ts';
import type { Finding } from '../../../src/pipeline/lint/finding.ts';
import { lintText } from '../../../src/pipeline/lint/lint.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';

const values = 'values: { use: annotate/values, before: advantage }';
const gae = 'advantage: { use: advantage/gae }';

/** What lint says of a change to pipelines/rlev.yaml, infos left out. */
async function linted(patch: string, offline = true, catalogue = builtInStages): Promise<Finding[]> {
  const text = `rlev: 1\nextends: rlev.yaml\n${patch}`;
  const findings = await lintText(text, 'pipelines/patch.yaml', { catalogue, offline });
  return findings.filter(({ severity }) => severity !== 'info');
}

const said = (findings: Finding[]): string[] => findings.map(({ code, message }) => `${code}: ${message}`);

describe('lint of a critic', () => {
  it('says nothing of one that is read and trained', async () => {
    const patch = `policy: { critic: {} }\nstages:\n  ${values}\n  ${gae}\n  optimize: { critic: {} }`;
    expect(await linted(patch)).to.deep.equal([]);
  });

  it('names the stage that adds values where an estimator lacks them', async () => {
    const [finding] = await linted(`stages:\n  ${gae}`);
    expect(finding!.code).to.equal('config/columns');
    expect(finding!.message).to.contain('`values`');
    expect(finding!.help).to.contain('annotate/values');
  });

  it('says where to add a critic that stages read or train and the policy has not', async () => {
    const findings = await linted(`stages:\n  ${values}\n  ${gae}\n  optimize: { critic: {} }`);
    expect(said(findings)).to.deep.equal([
      'config/missing: values (annotate/values) reads a critic, and the pipeline has none.',
      'config/missing: optimize (optimize/policy-gradient) trains a critic, and the pipeline has none.',
    ]);
    expect(findings[0]!.help).to.contain('critic: {}');
    expect(findings[0]!.place).to.include({ file: 'pipelines/patch.yaml', line: 4 });
  });

  it('warns of one that no update trains, and says how', async () => {
    const untrained = (critic: string) => `policy: { critic: ${critic} }\nstages:\n  ${values}\n  ${gae}`;
    const [fresh] = await linted(untrained('{}'));
    expect(fresh).to.include({ code: 'critic/untrained', severity: 'warning' });
    expect(fresh!.message).to.contain('the value 0');
    expect(fresh!.help).to.contain('critic: {} to the parameters of optimize');
    const [given] = await linted(untrained('{ from: ../fixtures/models/tiny-llama }'));
    expect(given!.message).to.contain('stay those of ../fixtures/models/tiny-llama');

    const other = defineUpdate({
      name: 'test/other',
      summary: 'Trains no critic.',
      params: z.strictObject({}),
      needs: () => ['advantage'],
      create: () => ({ run: async () => ({ metrics: {}, version: 1, hash: '' }) }),
    });
    const catalogue = catalogueOf([...builtInStages.values(), other]);
    const patch = `${untrained('{}')}\n  optimize: { use: test/other }`;
    const found = (await linted(patch, true, catalogue)).find(({ code }) => code === 'critic/untrained');
    expect(found!.help).to.equal('Take an update that trains a critic: optimize/policy-gradient.');
  });

  it('warns of one that no stage asks', async () => {
    const [finding] = await linted('policy: { critic: {} }');
    expect(finding).to.include({ code: 'critic/unused', severity: 'warning' });
    expect(finding!.help).to.contain('annotate/values');
  });

  it('reads what it is to begin with', async () => {
    const patch = (from: string) =>
      `policy: { critic: { from: ${from} } }\nstages:\n  ${values}\n  ${gae}\n  optimize: { critic: {} }`;
    const [nowhere] = await linted(patch('nowhere'), false);
    expect(nowhere!.code).to.equal('policy/checkpoint');
    expect(nowhere!.message).to.contain('nowhere/config.json');
    expect(nowhere!.place).to.include({ file: 'pipelines/patch.yaml', line: 3 });
    // 51 tokens beside 96
    const found = await linted(
      `${patch('../fixtures/policies/exam')}\n`.replace(
        'policy: {',
        'policy: { from: ../fixtures/models/tiny-llama,',
      ),
      false,
    );
    expect(found.some(({ message }) => message.includes('The critic knows'))).to.equal(true);
  });
});

describe('policy.critic', () => {
  it('begins at a path relative to the file that names it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'rlev-critic-path-'));
    const base = 'rlev: 1\nrun: { steps: 1 }\npolicy: { from: policy, critic: { from: begin } }\n';
    await writeFile(
      join(folder, 'base.yaml'),
      `${base}stages: { prompts: { use: prompts/exam, file: questions.jsonl } }\n`,
    );
    await mkdir(join(folder, 'mine'));
    await writeFile(join(folder, 'mine', 'mine.yaml'), 'rlev: 1\nextends: ../base.yaml\n');
    try {
      const pipeline = await loadPipeline(join(folder, 'mine', 'mine.yaml'), { catalogue: builtInStages });
      expect(pipeline.policy).to.deep.include({ from: '../policy', critic: { from: '../begin' } });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
