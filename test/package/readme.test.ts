import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { parse } from 'yaml';
import { keysAt } from '../../src/core/schema-keys.ts';
import { resolvePipeline } from '../../src/pipeline/file/resolve.ts';
import { pipelineSchema } from '../../src/pipeline/file/schema.ts';
import { builtInStages } from '../../src/stages/catalogue.ts';

const pages = [
  'README.md',
  'CONTRIBUTING.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
];
const run = promisify(execFile);

interface Snippet {
  readonly page: string;
  readonly line: number;
  readonly language: string;
  readonly text: string;
}

function snippetsOf(page: string): Snippet[] {
  const text = readFileSync(page, 'utf8');
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map((match) => ({
    page,
    line: text.slice(0, match.index).split('\n').length,
    language: match[1]!,
    text: match[2]!,
  }));
}

const snippets = pages.flatMap(snippetsOf);

describe('package/readme', () => {
  it('shows whole pipelines that resolve', () => {
    const whole = snippets.filter(({ language, text }) => language === 'yaml' && /^rlev: 1\b/m.test(text));
    expect(whole).not.to.be.empty;
    for (const { page, line, text } of whole) {
      const place = `${page}:${line}`;
      expect(resolvePipeline(text, place, { catalogue: builtInStages }).stages, place).not.to.be.empty;
    }
  });

  it('explains the pipeline file that is there', () => {
    const shown = snippets.find(({ page, language }) => page === 'README.md' && language === 'yaml')!;
    expect(parse(shown.text)).to.deep.equal(parse(readFileSync('pipelines/rlev.yaml', 'utf8')));
  });

  it('describes every stage and every parameter', () => {
    const text = readFileSync('docs/pipeline.md', 'utf8');
    for (const { name, params } of builtInStages.values()) {
      const section = text.split(/^### /m).find((part) => part.startsWith(`\`${name}\``));
      expect(section, `docs/pipeline.md has no section ### \`${name}\``).not.to.equal(undefined);
      for (const key of Object.keys((params as unknown as { shape: object }).shape)) {
        expect(section, `${name}: ${key}`).to.contain(`\`${key}\``);
      }
    }
  });

  it('describes every key of a pipeline file', () => {
    const text = readFileSync('docs/pipeline.md', 'utf8');
    const maps = [[], ['run'], ['run', 'checkpoint'], ['policy'], ['policy', 'init'], ['policy', 'engine']];
    for (const path of [...maps, ['evaluate', 'heldOut']]) {
      for (const key of keysAt(pipelineSchema, path)) {
        expect(text, [...path, key].join('.')).to.match(new RegExp(`\`(?:\\w+\\.)?${key}[.\`]`));
      }
    }
  });

  it('has no link to a file that is not there', () => {
    for (const page of pages) {
      const links = [...readFileSync(page, 'utf8').matchAll(/\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)/g)];
      for (const [, link] of links) {
        expect(existsSync(resolve(dirname(page), link!)), `${page}: ${link}`).to.equal(true);
      }
    }
  });

  describe('its TypeScript', () => {
    const root = resolve('.');
    let folder: string;
    const files: string[] = [];

    before(() => {
      mkdirSync('node_modules/.cache', { recursive: true });
      folder = mkdtempSync(join(root, 'node_modules/.cache/readme-'));
      for (const { page, line, language, text } of snippets) {
        if (language !== 'ts' || !/from 'rlev[/']/.test(text)) continue;
        const file = join(folder, `${page.replaceAll(/\W/g, '-')}-${line}.ts`);
        const library = pathToFileURL(join(root, 'src/index.ts')).href;
        const placed = text.replaceAll("'pipelines/", `'${root}/pipelines/`);
        writeFileSync(file, placed.replaceAll("from 'rlev'", `from '${library}'`));
        writeFileSync(file.replace(/\.ts$/, '.check.ts'), text);
        files.push(file);
      }
      const config = {
        extends: join(root, 'tsconfig.json'),
        compilerOptions: {
          paths: {
            rlev: [join(root, 'src/index.ts')],
            'rlev/losses': [join(root, 'src/losses.ts')],
            'rlev/testing': [join(root, 'src/testing/index.ts')],
          },
          types: ['node'],
        },
        include: [],
        files: files.map((file) => file.replace(/\.ts$/, '.check.ts')),
      };
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    it('compiles', async () => {
      const tsc = join(root, 'node_modules/typescript/bin/tsc');
      const { stdout } = await run(process.execPath, [tsc, '-p', folder]).catch((error) => error);
      expect(stdout).to.equal('');
    });

    it('runs: the stage of its own does its work in a pipeline', async () => {
      const file = files.find((name) => readFileSync(name, 'utf8').includes('defineMap'))!;
      writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
      const { stdout } = await run(process.execPath, ['--import', 'tsx', file], { cwd: folder });
      expect(stdout).to.equal('2 steps recorded in runs/smoke\n');
      const journal = readFileSync(join(folder, 'runs/smoke/journal.ndjson'), 'utf8');
      expect(journal).to.contain('"use":"advantage/median"');
    });
  });
});
