import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { lint } from '../../../src/pipeline/lint/lint.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';

const head = 'rlev: 1\nrun: { steps: 2 }\n';
const stages = 'stages:\n  prompts: { use: prompts/exam, file: q.jsonl }\n';
const aliases = Array.from({ length: 12 }, (_, i) => `x${i + 1}: &x${i + 1} [${`*x${i}, `.repeat(10)}]\n`);

describe('a file that is hardly a pipeline', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'rlev-odd-'));
    mkdirSync(join(folder, 'folder.yaml'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const findings = async (name: string): Promise<string[]> =>
    (await lint(join(folder, name), { catalogue: builtInStages, offline: true })).map(
      ({ severity, place, code, message, help }) => {
        expect(severity).to.equal('error');
        expect(help, message).to.match(/\S/);
        return `${place.line}:${place.column} ${code} ${message.replaceAll(`${folder}/`, '')}`;
      },
    );

  const odd: readonly (readonly [string, string | Buffer, string])[] = [
    ['is empty', '', '1:1 config/missing This file is empty.'],
    ['is nothing but a comment', '# later\n\n', '1:1 config/missing This file is empty.'],
    [
      'is binary',
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 255, 10, 0]),
      '1:1 config/syntax This file is no text in UTF-8.',
    ],
    [
      'has another encoding',
      Buffer.from(`${head}# caf\xe9\n${stages}`, 'latin1'),
      '3:1 config/syntax This file is no text in UTF-8.',
    ],
    [
      'is indented by tabs',
      'rlev: 1\nrun:\n\tsteps: 2\n',
      '3:1 config/syntax Tabs are not allowed as indentation.',
    ],
    [
      'says a key twice',
      `${head}${stages}  prompts: { use: prompts/exam }\n`,
      '5:3 config/syntax The key prompts stands twice in one map.',
    ],
    [
      'has a tag that nobody knows',
      `${head}stages: !mine\n  prompts: { use: prompts/exam, file: q.jsonl }\n`,
      '3:9 config/syntax Unresolved tag: !mine.',
    ],
    [
      'holds two documents',
      `${head}---\n${head}`,
      '3:1 config/syntax A second document begins here; a file holds one.',
    ],
    [
      'has an alias of nothing',
      `${head}stages: *these\n`,
      '3:9 config/syntax Nothing above is marked as &these.',
    ],
    [
      'has an alias inside what it names',
      `${head}stages: &all { prompts: *all }\n`,
      '3:25 config/syntax *all stands inside what it stands for.',
    ],
    [
      'has aliases that multiply',
      `${head}x0: &x0 [a]\n${aliases.join('')}${stages}`,
      '4:10 config/syntax The aliases of this file multiply to more than a pipeline can be.',
    ],
    [
      'is nested beyond measure',
      `rlev: 1\nrun: ${'{a: '.repeat(3000)}1${'}'.repeat(3000)}\n`,
      'config/syntax This is nested too deeply to be read.',
    ],
    [
      'extends itself',
      'rlev: 1\nextends: odd.yaml\n',
      '2:10 config/type Files extend each other in a circle: ',
    ],
    [
      'takes a variable that is not set',
      `rlev: 1\nrun: { steps: "\${RLEV_TEST_UNSET}" }\n${stages}`,
      '2:15 config/missing The environment variable RLEV_TEST_UNSET is not set.',
    ],
    [
      'merges keys as YAML 1.1 did',
      `${head}${stages}  value: { <<: *none, use: value/points }\n`.replace(
        '{ use: prompts',
        '&none { use: prompts',
      ),
      '5:12 config/unknown-key Nothing reads the key stages.value.<<.',
    ],
  ];
  for (const [what, text, finding] of odd) {
    it(`is told that it ${what}`, async () => {
      writeFileSync(join(folder, 'odd.yaml'), text);
      const found = await findings('odd.yaml');
      expect(found, found.join('\n')).to.have.length(1);
      expect(found[0]).to.contain(finding);
    });
  }

  it('is told that it is a folder, or not there', async () => {
    expect(await findings('folder.yaml')).to.deep.equal(['1:1 data/missing-file folder.yaml is a folder.']);
    expect(await findings('none.yaml')).to.deep.equal(['1:1 data/missing-file There is no file none.yaml.']);
  });

  it('is a pipeline all the same with a byte order mark, or with the line ends of Windows', async () => {
    writeFileSync(join(folder, 'odd.yaml'), `\uFEFF${head}${stages}`);
    expect(await findings('odd.yaml')).to.deep.equal([]);
    writeFileSync(join(folder, 'odd.yaml'), `${head}${stages}`.replaceAll('\n', '\r\n'));
    expect(await findings('odd.yaml')).to.deep.equal([]);
  });

  it('is a pipeline all the same at the end of a long chain', async () => {
    for (let i = 0; i < 40; i++)
      writeFileSync(join(folder, `c${i}.yaml`), `rlev: 1\nextends: c${i + 1}.yaml\n`);
    writeFileSync(join(folder, 'c40.yaml'), `${head}${stages}`);
    expect(await findings('c0.yaml')).to.deep.equal([]);
  });
});
