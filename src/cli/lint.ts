import type { CommandModule } from 'yargs';
import { type Finding, formatFinding, type Severity } from '../pipeline/lint/finding.ts';
import { lint } from '../pipeline/lint/lint.ts';
import { counted } from '../report/format.ts';
import { builtInStages } from '../stages/catalogue.ts';

interface LintArguments {
  files: string[];
  set: string[];
  offline: boolean;
  json: boolean;
}

export const lintCommand: CommandModule<object, LintArguments> = {
  command: 'lint <files..>',
  describe: 'check pipelines: every mistake, and what will not do what it seems to',
  builder: (y) =>
    y
      .positional('files', {
        type: 'string',
        array: true,
        demandOption: true,
        describe: 'pipeline files (YAML)',
      })
      .option('set', {
        type: 'string',
        array: true,
        nargs: 1,
        default: [],
        describe: 'override a key: stages.advantage.use=advantage/grpo',
      })
      .option('offline', { type: 'boolean', default: false, describe: 'read neither data nor policy' })
      .option('json', { type: 'boolean', default: false, describe: 'print the findings as JSON' })
      .example('$0 lint pipelines/*.yaml', '')
      .epilog('Exits with 1 where there is an error. What each code means: docs/lint.md.') as never,
  async handler({ files, set, offline, json }) {
    const findings: Finding[] = [];
    for (const file of files) {
      findings.push(...(await lint(file, { catalogue: builtInStages, set, offline })));
    }
    process.stdout.write(
      json ? `${JSON.stringify(findings.map(plain), null, 2)}\n` : report(findings, files),
    );
    if (findings.some((f) => f.severity === 'error')) process.exitCode = 1;
  },
};

/** A finding as one flat object. */
function plain({ severity, code, place, message, help }: Finding): object {
  return { ...place, severity, code, message, ...(help && { help }) };
}

function report(findings: readonly Finding[], files: readonly string[]): string {
  const lines = findings.map((finding) => `${formatFinding(finding)}\n`);
  const count = (severity: Severity): string =>
    counted(findings.filter((f) => f.severity === severity).length, severity);
  const checked = files.length === 1 ? files[0] : `${files.length} files`;
  return `${lines.join('')}${checked}: ${count('error')}, ${count('warning')}, ${count('info')}\n`;
}
