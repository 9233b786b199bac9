import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve as resolvePath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { RlevError, reasonOf } from '../../core/errors.ts';

/** Folder of the package, with its fixtures and its schema. */
const packageFolder = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Writes a pipeline, `NAME.yaml`, that trains the policy of the package on the questions of `NAME.jsonl`, which it
 * writes beside it, and its tests, `NAME.test.yaml`.
 *
 * @param path where it goes; the last part is its name, `.yaml` may be left out
 * @returns the files written, the pipeline first
 * @throws RlevError `usage/arguments` where one of them is there already, or cannot be written
 */
export async function newPipeline(path: string): Promise<string[]> {
  const stem = path.replace(/\.ya?ml$/, '');
  const name = basename(stem);
  const toPackage = relative(dirname(resolvePath(stem)), packageFolder);
  return writeAll([
    [`${stem}.yaml`, pipelineText(name, `${stem}.yaml`, toPackage)],
    [`${stem}.jsonl`, questions('train', trainingQuestions)],
    [`${stem}.heldout.jsonl`, questions('heldout', heldOutQuestions)],
    [`${stem}.test.yaml`, pipelineTestText(name, `${stem}.yaml`, toPackage)],
  ]);
}

/**
 * Writes a stage of one's own, `NAME.js`, and its test, `NAME.test.js`, which passes under `node --test`; where a `.js`
 * file is not an ES module, because the nearest package.json does not say so, `NAME.mjs` and `NAME.test.mjs`.
 *
 * @param path where it goes; the last part is its name, `.js` and `.mjs` may be left out
 * @throws RlevError `usage/arguments` where one of them is there already, for a name that no export can have, and for
 *   one that ends in `.js` where that is no ES module
 */
export async function newStage(path: string): Promise<string[]> {
  const [, stem, given] = /^(.*?)(\.m?js)?$/s.exec(path) as unknown as [string, string, string | undefined];
  const modules = saysModule(dirname(resolvePath(stem)));
  if (given === '.js' && !modules) {
    throw new RlevError({
      code: 'usage/arguments',
      message: `${path} would not be an ES module: no package.json above it says "type": "module".`,
      value: path,
      help: `Write rlev new stage ${stem}.mjs, or set "type": "module" in package.json.`,
    });
  }
  const ending = given ?? (modules ? '.js' : '.mjs');
  const name = basename(stem);
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) {
    throw new RlevError({
      code: 'usage/arguments',
      message: `A stage cannot be called ${JSON.stringify(name)}.`,
      value: name,
      help: 'Take words of small letters with a hyphen between them: length-bonus.',
    });
  }
  const exported = name.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
  return writeAll([
    [`${stem}${ending}`, stageText(name, exported, ending)],
    [`${stem}.test${ending}`, stageTestText(name, exported, ending)],
  ]);
}

/** Whether a `.js` file in a folder is an ES module, as the nearest package.json says. */
function saysModule(folder: string): boolean {
  const file = join(folder, 'package.json');
  if (existsSync(file)) return /"type"\s*:\s*"module"/.test(readFileSync(file, 'utf8'));
  return dirname(folder) !== folder && saysModule(dirname(folder));
}

async function writeAll(files: readonly (readonly [string, string])[]): Promise<string[]> {
  for (const [file] of files) {
    if (!existsSync(file)) continue;
    throw new RlevError({
      code: 'usage/arguments',
      message: `${file} is there already.`,
      value: file,
      help: 'Take another name; nothing was written.',
    });
  }
  for (const [file, text] of files) {
    try {
      await mkdir(dirname(file), { recursive: true });
      await writeFile(file, text);
    } catch (cause) {
      throw new RlevError({
        code: 'usage/arguments',
        message: `${file} cannot be written: ${reasonOf(cause)}`,
        value: file,
        help: 'Take another folder: one that is there, or can be made.',
        cause,
      });
    }
  }
  return files.map(([file]) => file);
}

type Question = readonly [question: string, reference: string, points: number];

/** Of the kind that the policy of the package was trained to read. */
const trainingQuestions: readonly Question[] = [
  ['largest of 41,17,62?', '62', 2],
  ['largest of 28,93,75?', '93', 2],
  ['342 to the nearest ten?', '340', 2],
  ['24+13+6=?', '43', 5],
  ['17+22+9=?', '48', 5],
  ['3 bags of 4 pens, 12 more. total?', '24', 8],
  ['kim buys 3 hats at 7. change from 50?', '29', 8],
  ['24 toys for 4. max loses 2. left?', '4', 9],
];
const heldOutQuestions: readonly Question[] = [
  ['largest of 56,81,34?', '81', 2],
  ['31+14+7=?', '52', 5],
  ['4 bags of 5 figs, 8 more. total?', '28', 8],
  ['jim buys 2 nuts at 9. change from 40?', '22', 8],
];

/** One question a line, worth more the harder it is. */
function questions(exam: string, list: readonly Question[]): string {
  return list
    .map(([question, reference, points], i) => {
      const record = { id: `${exam}-${i + 1}`, question, reference, points, exam_total: 100 };
      return `${JSON.stringify(record)}\n`;
    })
    .join('');
}

function pipelineText(name: string, file: string, toPackage: string): string {
  return `# yaml-language-server: $schema=${join(toPackage, 'schema/pipeline.json')}
# Check it: npx rlev lint ${file}    See what it does: npx rlev explain ${file}    Run it: npx rlev train ${file}
rlev: 1
run: { steps: 20, seed: 1 }
policy:
  from: ${join(toPackage, 'fixtures/policies/exam')}   # a Hugging Face directory
stages:
  # Your questions, one JSON object a line: id, question, reference, points, exam_total.
  prompts: { use: prompts/exam, file: ${name}.jsonl, template: "{question}\\n", perStep: 8 }
  rollout: { use: rollout/policy, samples: 8, maxTokens: 32 }
  verify: { use: verify/numeric }
  value: { use: value/points }             # points / exam_total
  reward: { use: reward/rlev, alpha: 10 }  # 1 + min(alpha * value, 1), where the response is right
  advantage: { use: advantage/rloo }
  optimize:
    use: optimize/policy-gradient
    adamw: { lr: 1e-4 }
evaluate:
  heldOut:
    every: 10
    through: value
    stages:
      prompts: { file: ${name}.heldout.jsonl, perStep: all }
      rollout: { samples: 1, temperature: 0 }
`;
}

function pipelineTestText(name: string, file: string, toPackage: string): string {
  return `# yaml-language-server: $schema=${join(toPackage, 'schema/tests.json')}
# Run them: npx rlev test ${file}
pipeline: ./${name}.yaml
tests:
  - name: the number behind the last hash is the answer
    stage: verify
    rows:
      - { response: "24+13=37 37+6=43 #43", reference: ["43"] }
      - { response: "24+13=37", reference: ["43"] }
    expect: { correct: [1, 0] }

  - name: a right answer earns more where the question is worth more
    stage: value/reward
    rows:
      - { points: 2, exam_total: 100, correct: 1 }
      - { points: 9, exam_total: 100, correct: 1 }
      - { points: 9, exam_total: 100, correct: 0 }
    expect: { reward: [~1.2, ~1.9, 0] }
`;
}

function stageText(name: string, exported: string, ending: string): string {
  return `import { reward, z } from 'rlev';

/**
 * Reward of a response: its value where it is correct, and a bonus for brevity.
 *
 * In a pipeline: reward: { use: ./${name}${ending}#${exported}, bonus: 0.1 }
 */
export const ${exported} = reward(
  (row, { bonus }) => row.correct * (1 + row.value) + bonus / (1 + row.response.length),
  {
    summary: 'Reward of a response: 1 and its value where it is correct, and a bonus for brevity.',
    params: z.strictObject({
      bonus: z.number().min(0).default(0.1).describe('What an empty response gains.'),
    }),
  },
);
`;
}

function stageTestText(name: string, exported: string, ending: string): string {
  return `// Run it: node --test ${name}.test${ending}
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { batch, createStage, stageEvent } from 'rlev/testing';
import { ${exported} } from './${name}${ending}';

test('a right answer earns 1 and its value, and a short one more', async () => {
  const stage = await createStage(${exported}, { bonus: 0.5 });
  const rows = batch({ correct: [1, 0], value: [0.25, 0.25], response: ['1234', ''] });
  const { reward } = await stage.run(rows, stageEvent());
  assert.deepEqual([...reward], [1.25 + 0.1, 0.5]);
});

test('a misspelt parameter is refused', async () => {
  await assert.rejects(createStage(${exported}, { bonuss: 1 }), /config\\/unknown-key/);
});
`;
}
