import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect } from 'chai';

describe('package/check-imports', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'rlev-imports-'));
  });
  afterEach(() => rmSync(root, { recursive: true, force: true }));

  function check(modules: Record<string, string>): { code: number | null; findings: string } {
    const all = {
      'index.ts': "export * from './core/a.ts';\n",
      'cli/main.ts': "import '../core/a.ts';\n",
      'core/a.ts': 'export const a = 1;\n',
      ...modules,
    };
    for (const [file, source] of Object.entries(all)) {
      mkdirSync(dirname(join(root, file)), { recursive: true });
      writeFileSync(join(root, file), source);
    }
    const { status, stderr } = spawnSync(
      process.execPath,
      ['--import', 'tsx', 'scripts/check-imports.ts', root],
      { encoding: 'utf8' },
    );
    return { code: status, findings: stderr };
  }

  it('passes modules whose arrows point one way', () => {
    const { code, findings } = check({
      'log/b.ts': "import {\n  a,\n} from '../core/a.ts';\nexport const b = a;\n",
      'index.ts': "export * from './log/b.ts';\n",
    });
    expect(findings).to.equal('');
    expect(code).to.equal(0);
  });

  it('refuses everything else: upward, a package away from home, a cycle, an orphan', () => {
    const { code, findings } = check({
      'index.ts': "export type { A } from './core/up.ts';\nexport * from './core/round.ts';\n",
      'core/up.ts':
        "import type { B } from '../log/b.ts';\nimport { of } from 'rxjs/operators';\nexport type A = B;\n",
      'core/round.ts': "import { y } from './about.ts';\nexport const x = y;\n",
      'core/about.ts': "import { x } from './round.ts';\nexport const y = x;\n",
      'log/b.ts': 'export type B = 1;\n',
      'log/alone.ts': 'export const alone = 1;\n',
    });
    expect(code).to.equal(1);
    expect(findings).to.contain('core/up.ts: imports ../log/b.ts, but core must not know log');
    expect(findings).to.contain('core/up.ts: imports rxjs/operators, which only streams and pipeline may');
    expect(findings).to.match(/a cycle: core\/(round|about)\.ts -> core\/(about|round)\.ts -> core\/\1\.ts/);
    expect(findings).to.contain('log/alone.ts: no entry point leads to it');
  });

  it('lets types refer to each other: nothing of them is left to load', () => {
    const { code } = check({
      'core/a.ts': "import type { Q } from './q.ts';\nexport type P = Q;\n",
      'core/q.ts': "import type { P } from './a.ts';\nexport type Q = P;\n",
    });
    expect(code).to.equal(0);
  });

  it('follows a module into the worker that it starts', () => {
    const { code } = check({
      'core/a.ts': "export const start = () => new URL('./worker.js', import.meta.url);\n",
      'core/worker.ts': 'export const w = 1;\n',
    });
    expect(code).to.equal(0);
  });
});
