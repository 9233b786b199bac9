/**
 * Checks that imports in src/ point one way, that a package is used only where it belongs, that modules need
 * no cycle to load and that an entry point reaches every one. Imports of types count, but not towards a cycle:
 * nothing of them is left when a module loads.
 *
 *     tsx scripts/check-imports.ts [FOLDER]     default: src
 */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';

/** Folder of src -> the folders it may import. */
const arrows: Record<string, readonly string[]> = {
  core: [],
  log: ['core'],
  engine: ['core'],
  policy: ['core', 'engine'],
  stages: ['core', 'policy'],
  streams: ['core', 'log'],
  report: ['core', 'log'],
  testing: ['core', 'stages', 'streams'],
  pipeline: ['core', 'log', 'engine', 'policy', 'stages', 'streams', 'testing', 'report'],
  cli: ['core', 'log', 'pipeline', 'report', 'stages'],
  'losses.ts': ['core', 'engine', 'policy'],
  'index.ts': ['core', 'log', 'policy', 'stages', 'pipeline', 'report'],
};

/** Package -> the folders that may import it. */
const homes: Record<string, readonly string[]> = {
  rxjs: ['streams', 'pipeline'],
  'apache-arrow': ['core', 'log'],
  '@tensorflow/tfjs': ['engine', 'policy', 'losses.ts'],
  'onnxruntime-node': ['engine'],
  yargs: ['cli'],
  vega: ['report'],
  'vega-lite': ['report'],
  'ml-matrix': ['stages'],
};

const entries = ['index.ts', 'losses.ts', 'testing/index.ts', 'cli/main.ts'];

interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

const root = resolve(process.argv[2] ?? 'src');
const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.ts'));
const imports = new Map(files.map((file) => [file, importsOf(readFileSync(join(root, file), 'utf8'))]));
const findings: string[] = [];

/** What a module imports or exports from, imports while it runs, or names as the file of a worker. */
function importsOf(source: string): Import[] {
  const code = source.replace(/^\s*(?:\/\/|\/?\*).*$/gm, '');
  const forms = [
    /^(?:import|export)\b(\s+type\b)?[^;'"]*?\sfrom\s+'([^']+)'/gm,
    /^import(\s+)'([^']+)'/gm,
    /\b(?:import|require|createRequire\(import\.meta\.url\))(\s*)\(\s*'([^']+)'/g,
    /new URL(\s*)\(\s*'(\.[^']+\.[jt]s)',\s*import\.meta\.url/g,
  ];
  return forms.flatMap((form) =>
    [...code.matchAll(form)].map((match) => ({
      specifier: match[2]!.replace(/^(\..*)\.js$/, '$1.ts'),
      typeOnly: match[1]?.trim() === 'type',
    })),
  );
}

const folderOf = (file: string): string => file.split(sep)[0]!;
const targetOf = (file: string, specifier: string): string =>
  relative(root, resolve(root, dirname(file), specifier));
const neighboursOf = (file: string, keep: (found: Import) => boolean): string[] =>
  imports
    .get(file)!
    .filter((found) => found.specifier.startsWith('.') && keep(found))
    .map((found) => targetOf(file, found.specifier))
    .filter((target) => imports.has(target));

function checkImport(file: string, specifier: string): void {
  const from = folderOf(file);
  if (specifier.startsWith('.')) {
    const to = folderOf(targetOf(file, specifier));
    if (to !== from && !arrows[from]?.includes(to)) {
      findings.push(`${file}: imports ${specifier}, but ${from} must not know ${to}`);
    }
    return;
  }
  const home = Object.keys(homes).find((name) => specifier === name || specifier.startsWith(`${name}/`));
  if (home && !homes[home]!.includes(from)) {
    findings.push(`${file}: imports ${specifier}, which only ${homes[home]!.join(' and ')} may`);
  }
}

function checkCycles(file: string, path: readonly string[], done: Set<string>): void {
  if (path.includes(file)) {
    findings.push(`${file}: a cycle: ${[...path.slice(path.indexOf(file)), file].join(' -> ')}`);
  } else if (!done.has(file)) {
    for (const next of neighboursOf(file, (found) => !found.typeOnly))
      checkCycles(next, [...path, file], done);
    done.add(file);
  }
}

function reach(file: string, reached: Set<string>): void {
  if (reached.has(file)) return;
  reached.add(file);
  for (const next of neighboursOf(file, () => true)) reach(next, reached);
}

const cyclesDone = new Set<string>();
const reached = new Set<string>();
for (const entry of entries) if (imports.has(entry)) reach(entry, reached);
for (const [file, found] of imports) {
  for (const { specifier } of found) checkImport(file, specifier);
  checkCycles(file, [], cyclesDone);
  if (!reached.has(file)) findings.push(`${file}: no entry point leads to it: ${entries.join(', ')}`);
}

for (const finding of findings) process.stderr.write(`${finding}\n`);
process.stdout.write(`imports: ${files.length} modules, ${findings.length} findings\n`);
process.exitCode = findings.length > 0 ? 1 : 0;
