import { expect } from 'chai';
import { formatFinding } from '../../../src/pipeline/lint/finding.ts';
import { lintText } from '../../../src/pipeline/lint/lint.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';

const good = `rlev: 1
run: { steps: 20 }
policy: { from: ../fixtures/models/tiny-llama }
stages:
  prompts: { use: prompts/exam, file: ../fixtures/exams/smoke.jsonl, perStep: 8 }
  rollout: { use: rollout/policy, samples: 2, maxTokens: 6, greedy: false }
  verify: { use: verify/numeric }
  value: { use: value/points }
  reward: { use: reward/rlev, alpha: 1 }
  advantage: { use: advantage/rloo }
  optimize:
    use: optimize/policy-gradient
    loss: { use: loss/reinforce }
`;

/** The pipeline with each text replaced by the one after it. */
const changed = (...pairs: readonly (readonly [string, string])[]): string =>
  pairs.reduce((text, [from, to]) => {
    expect(text).to.contain(from);
    return text.replace(from, to);
  }, good);

describe('what lint says of settings', () => {
  const linted = async (text: string, offline = true): Promise<string[]> =>
    (await lintText(text, 'p.yaml', { catalogue: builtInStages, offline })).map(
      (f) => formatFinding(f).split('\n')[0]!,
    );
  /** A stage in front of the advantage, which is then on line 11. */
  const inFront = (stage: string): [string, string] => ['  advantage:', `  ${stage}\n  advantage:`];
  const update = (more: string): [string, string] => ['loss: { use: loss/reinforce }', more];

  const doubtful: readonly (readonly [string, string, RegExp])[] = [
    [
      'a clip range of GSPO that never clips',
      changed(update('loss: { use: loss/gspo, clip: [0.2, 0.2] }'), ['steps: 20', 'steps: 20, inFlight: 2']),
      /^p\.yaml:13:35 warning setting\/doubtful clip \[0\.2, 0\.2\] of loss\/gspo hardly ever clips/,
    ],
    [
      'a learning rate that rises until the end',
      changed(update('schedule: { use: cosine, warmup: 20 }')),
      /^p\.yaml:13:38 warning setting\/never The learning rate rises for 20 steps, and the run has 20/,
    ],
    [
      'a floor of what does not fall',
      changed(update('schedule: { floor: 0.1 }')),
      /^p\.yaml:13:24 info setting\/no-effect floor has no effect/,
    ],
    [
      'a term with the coefficient 0',
      changed(update('entropy: { coefficient: 0 }')),
      /^p\.yaml:13:29 info setting\/no-effect entropy has no effect: its coefficient is 0\.$/,
    ],
    [
      'a ratio that forgets who sampled',
      changed(update('old: current'), ['steps: 20', 'steps: 20, inFlight: 3']),
      /^p\.yaml:13:10 warning setting\/doubtful With old: current .* responses are up to 2 older/,
    ],
    [
      'a penalty that begins behind the longest response',
      changed(inFront('overlong: { use: shape/overlong, maxLength: 16, buffer: 8 }')),
      /^p\.yaml:10:47 warning setting\/never The penalty begins behind 8 tokens .* cut at 6/,
    ],
    [
      'a refill that its rounds cannot bring',
      changed(inFront('signal: { use: select/signal, refill: { groups: 25, rounds: 3 } }')),
      /^p\.yaml:10:51 warning setting\/never .* 25 prompts with signal, and 3 rounds of 8 bring 24 at most/,
    ],
    [
      'a filter for signal with one response to a prompt',
      changed(
        ['samples: 2', 'samples: 1'],
        ['advantage/rloo', 'advantage/reinforce++'],
        inFront('signal: { use: select/signal }'),
      ),
      /^p\.yaml:10:3 warning setting\/doubtful A prompt with a single response/,
    ],
    [
      'the most likely token by topK: 1',
      changed(['samples: 2', 'samples: 2, topK: 1']),
      /^p\.yaml:6:53 error sampling\/greedy With topK: 1 all responses to a question are the same/,
    ],
    [
      'a mask that nothing heeds',
      changed(inFront('truncated: { use: shape/mask-truncated }')),
      /^p\.yaml:10:3 warning columns\/unread truncated \(shape\/mask-truncated\) has no effect: .* `loss_mask`\.$/,
    ],
    [
      'a penalty that stands behind the estimator',
      `${changed()
        .split('\n')
        .toSpliced(10, 0, '  overlong: { use: shape/overlong, maxLength: 6, buffer: 3 }')
        .join('\n')}`,
      /^p\.yaml:11:3 warning columns\/unread overlong .* no stage behind it reads `reward`\.$/,
    ],
    [
      'greedy responses that reach the update',
      changed(['greedy: false', 'greedy: true'], inFront('baseline: { use: baseline/greedy }'), [
        'advantage/rloo',
        'advantage/remax',
      ]),
      /^p\.yaml:6:69 warning greedy\/not-dropped optimize \(optimize\/policy-gradient\) takes the greedy/,
    ],
    [
      'a baseline of greedy responses that are not sampled',
      changed(inFront('baseline: { use: baseline/greedy }'), ['advantage/rloo', 'advantage/remax']),
      /^p\.yaml:10:3 error greedy\/missing baseline\/greedy reads .*, and rollout samples none\.$/,
    ],
    [
      'an evaluation that samples as training does',
      `${good}evaluate: { a: { through: value, stages: { prompts: { file: other.jsonl } } } }\n`,
      /^p\.yaml:14:13 info evaluate\/as-training The evaluation a takes 2 responses to each question/,
    ],
  ];
  for (const [what, text, message] of doubtful) {
    it(`finds ${what}, and nothing else`, async () => {
      const found = await linted(text);
      expect(found, found.join('\n')).to.have.length(1);
      expect(found[0]).to.match(message);
    });
  }

  it('finds a penalty off the reward by an estimate without its gradient', async () => {
    const text = changed(
      inFront(
        'reference: { use: annotate/logprobs }\n  kl: { use: reward/kl, estimate: k2, coefficient: 0.01 }',
      ),
    );
    const found = await linted(text);
    expect(found.join('\n')).to.match(/^p\.yaml:11:35 warning setting\/doubtful Taken off the reward, k2/m);
  });

  it('finds a refill that rounds of all questions cannot bring', async () => {
    const text = changed(
      ['perStep: 8', 'perStep: all'],
      inFront('signal: { use: select/signal, refill: { groups: 999, rounds: 2 } }'),
    );
    const found = await linted(text.replaceAll('../fixtures', 'fixtures'), false);
    expect(found.join('\n')).to.match(/setting\/never .* 2 rounds of \d+ bring/);
  });

  it('finds more prompts a step than the data have, where that is said', async () => {
    const found = async (perStep: string): Promise<string[]> =>
      (await lintText(changed(['perStep: 8', perStep]), 'pipelines/p.yaml', { catalogue: builtInStages }))
        .filter(({ severity }) => severity !== 'info')
        .map((f) => formatFinding(f).split('\n')[0]!);
    expect(await found('perStep: all')).to.deep.equal([]);
    expect((await found('perStep: 5000')).join()).to.match(
      /^pipelines\/p\.yaml:5:79 warning setting\/doubtful perStep is 5000, and the data have \d+ questions/,
    );
  });

  it('finds greedy responses that an estimator compares with the others, and that nothing else reads', async () => {
    const text = changed(
      ['greedy: false', 'greedy: true'],
      ['  optimize:', '  sampled: { use: select/sampled }\n  optimize:'],
    );
    const [taken, unread] = await linted(text);
    expect(unread).to.match(/^p\.yaml:6:69 info setting\/no-effect No stage reads the greedy responses/);
    expect(taken).to.match(
      /^p\.yaml:6:69 warning greedy\/not-dropped advantage \(advantage\/rloo\) takes the greedy/,
    );
  });

  it('says nothing of a baseline as it should be', async () => {
    const text = changed(
      ['greedy: false', 'greedy: true'],
      inFront('baseline: { use: baseline/greedy }\n  sampled: { use: select/sampled }'),
      ['advantage/rloo', 'advantage/remax'],
    );
    expect(await linted(text)).to.deep.equal([]);
  });

  it('says nothing of a mask that is heeded, and how one that is not would be', async () => {
    const masked = changed(inFront('truncated: { use: shape/mask-truncated }'));
    expect(await linted(masked.replace('loss: {', 'lossMask: true\n    loss: {'))).to.deep.equal([]);
    const [finding] = await lintText(masked, 'p.yaml', { catalogue: builtInStages, offline: true });
    expect(finding!.help).to.equal('Set lossMask: true of optimize, or leave the stage out.');
  });
});
