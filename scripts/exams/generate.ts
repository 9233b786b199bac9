import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { examFiles } from './files.ts';
import { summary } from './summary.ts';

/**
 * Writes the exam's files and prints a table of their kinds:
 *
 *     npx tsx scripts/exams/generate.ts --seed 7 --out fixtures/exams
 */
const { values } = parseArgs({
  options: { seed: { type: 'string', default: '7' }, out: { type: 'string', default: 'fixtures/exams' } },
});
const files = examFiles(Number(values.seed));
mkdirSync(values.out, { recursive: true });
for (const [name, text] of Object.entries(files)) writeFileSync(join(values.out, name), text);
console.log(summary(files['train.jsonl']));
