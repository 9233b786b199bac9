import { readdirSync, readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect } from 'chai';
import { parse } from 'yaml';
import { type Finding, lintCodes } from '../../../src/pipeline/lint/finding.ts';
import { lintText } from '../../../src/pipeline/lint/lint.ts';
import { builtInStages } from '../../../src/stages/catalogue.ts';

const pages = [
  'README.md',
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md') && name !== 'lint.md')
    .map((name) => `docs/${name}`),
];
const sections = readFileSync('docs/lint.md', 'utf8').split(/^## /m).slice(1);

/** What lint says of a change to pipelines/rlev.yaml. */
function linted(patch: string, offline: boolean): Promise<Finding[]> {
  return lintText(`rlev: 1\nextends: rlev.yaml\n${patch}`, 'pipelines/patch.yaml', {
    catalogue: builtInStages,
    offline,
  });
}

describe('docs/lint.md', () => {
  it('has an entry for each code, and no other', () => {
    const codes = sections.map((section) => /^`(.*)`/.exec(section)?.[1]);
    expect(codes).to.have.members(Object.keys(lintCodes));
  });

  for (const section of sections) {
    const [, code] = /^`(.*)`/.exec(section)!;
    const [, severity] = /^(Error|Warning|Info)/m.exec(section)!;
    const offline = code !== 'value/saturated' && code !== 'value/flat';
    const [wrong, right] = [...section.matchAll(/```yaml\n([\s\S]*?)```/g)].map((match) => match[1]!);

    it(`shows what is wrong: ${code}`, async () => {
      const found = (await linted(wrong!, offline)).filter((finding) => finding.code === code);
      expect(found).not.to.be.empty;
      for (const finding of found) {
        expect(finding.severity).to.equal(severity!.toLowerCase());
        expect(finding.message).to.match(/^[\w`].*\.$/);
        expect(finding.help).to.match(/\.$/);
        expect(finding.place).to.include.keys('file', 'line', 'column');
      }
    });

    it(`shows what is right: ${code}`, async () => {
      const found = await linted(right!, offline);
      expect(found.filter((finding) => finding.code === code)).to.deep.equal([]);
      expect(found.filter((finding) => finding.severity === 'error')).to.deep.equal([]);
    });
  }
});

describe('the YAML of README and docs', () => {
  const schema = JSON.parse(readFileSync('schema/pipeline.json', 'utf8'));
  const valid = new Ajv2020({ strict: false }).compile(schema);
  for (const page of pages) {
    const text = readFileSync(page, 'utf8');
    const snippets = [...text.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map((match) => ({
      yaml: match[1]!,
      line: text.slice(0, match.index).split('\n').length,
    }));
    for (const { yaml, line } of snippets) {
      // Tests have a form of their own, and modules that a page invents are not there.
      if (/^pipeline: /m.test(yaml) || /#\w/.test(yaml)) continue;
      if (!/^(rlev: 1|extends: )/m.test(yaml)) {
        it(`is a part of a pipeline: ${page}:${line}`, () => {
          expect(valid({ extends: 'base.yaml', ...parse(yaml) }), JSON.stringify(valid.errors)).to.equal(
            true,
          );
        });
        continue;
      }
      it(`lints: ${page}:${line}`, async () => {
        const found = await lintText(yaml, 'pipelines/page.yaml', {
          catalogue: builtInStages,
          offline: true,
        });
        expect(found.filter((finding) => finding.severity === 'error')).to.deep.equal([]);
      });
    }
  }
});
