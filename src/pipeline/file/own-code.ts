import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve as resolvePath } from 'node:path';
import { namesExport, partsOfUse } from '../../core/module-use.ts';
import type { Pipeline } from './resolve.ts';

/**
 * sha256 of each file of code that a pipeline names by path, for a stage or a part such as a loss, and of each that
 * these import by a relative path, and so on; by path from the pipeline's folder. Packages are left to their versions.
 *
 * What is imported is read off the text, so a file that only a comment imports may be among them, and one whose name is
 * put together at run time is not.
 */
export async function ownCode(
  pipeline: Pick<Pipeline, 'base' | 'stages' | 'evaluate'>,
): Promise<ReadonlyMap<string, string>> {
  const stages = [...pipeline.stages, ...pipeline.evaluate.flatMap((branch) => branch.stages)];
  const uses = stages.flatMap(({ use, definition, params }) => [
    use,
    ...Object.keys(definition.parts ?? {}).map((key) =>
      String((params as Readonly<Record<string, { readonly use?: unknown }>>)[key]?.use),
    ),
  ]);
  const waiting = uses
    .filter(namesExport)
    .map((use) => resolvePath(pipeline.base, partsOfUse(use).path))
    .filter(isFile);
  const hashes = new Map<string, string>();
  for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
    if (hashes.has(file)) continue;
    const bytes = await readFile(file);
    hashes.set(file, createHash('sha256').update(bytes).digest('hex'));
    waiting.push(...importsOf(bytes.toString('utf8'), file));
  }
  return new Map(
    [...hashes].map(([file, hash]) => [relative(pipeline.base, file), hash] as const).sort(byName),
  );
}

/** `from './x.js'`, `import './x.js'`, `import('./x.js')`, `require('./x.cjs')`. */
const specifier = /\b(?:from|import|require)\s*\(?\s*(['"`])(\.{1,2}\/[^'"`\n]+)\1/g;

function importsOf(text: string, file: string): string[] {
  return [...text.matchAll(specifier)].flatMap(([, , path]) => {
    const found = candidates(join(dirname(file), path!)).find(isFile);
    return found === undefined ? [] : [found];
  });
}

/** What a path in an import may stand for: `./x.js` is `./x.ts` where a loader compiles, `./x` may lack its ending. */
function candidates(path: string): string[] {
  return [
    path,
    path.replace(/\.([cm]?)js$/, '.$1ts'),
    ...['.js', '.mjs', '.cjs', '.ts', '.json', '/index.js', '/index.ts'].map((ending) => path + ending),
  ];
}

function isFile(path: string): boolean {
  return existsSync(path) && statSync(path).isFile();
}

function byName([a]: readonly [string, string], [b]: readonly [string, string]): number {
  return a < b ? -1 : 1;
}
