import { readFileSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve as resolvePath } from 'node:path';
import { RlevError, show } from '../../core/errors.ts';
import type { Catalogue } from '../../core/stage.ts';
import type { Environment } from './environment.ts';
import type { Located } from './located.ts';
import { mergeFiles } from './merge.ts';
import { parseYaml } from './parse-yaml.ts';

export interface ComposeOptions {
  readonly catalogue: Catalogue;
  readonly environment?: Environment | undefined;
}

/** A pipeline file with all that it extends. */
export interface Composed {
  readonly source: Located;
  /** Absolute folder that the paths written in a file are relative to, by the name that places give the file. */
  readonly folders: ReadonlyMap<string, string>;
  readonly errors: readonly RlevError[];
  /** What was changed in silence: parameters dropped where a patch names another stage. */
  readonly notices: readonly string[];
}

/**
 * Reads a pipeline and, where it says `extends: base.yaml`, that file first, over which its own keys are laid.
 *
 * @throws RlevErrors `config/syntax`, `config/missing`; RlevError `data/missing-file` for a base that is not there,
 * `config/type` for files that extend each other in a circle
 */
export function compose(
  text: string,
  file: string,
  options: ComposeOptions,
  through: readonly string[] = [],
): Composed {
  const source = parseYaml(text, file, options.environment);
  const base = source.at(['base']);
  const folder = resolvePath(dirname(file), typeof base === 'string' ? base : '.');
  const named = source.at(['extends']);
  if (named === undefined) return { source, folders: new Map([[file, folder]]), errors: [], notices: [] };
  const place = source.placeOf(['extends']);
  if (typeof named !== 'string') {
    throw new RlevError({
      code: 'config/type',
      message: `extends is ${show(named)}; it takes the path of one pipeline file.`,
      value: named,
      place,
      help: 'For instance extends: rlev.yaml.',
    });
  }
  const baseFile = isAbsolute(named) ? named : join(dirname(file), named);
  const chain = [...through, resolvePath(file)];
  if (chain.includes(resolvePath(baseFile))) {
    throw new RlevError({
      code: 'config/type',
      message: `Files extend each other in a circle: ${[...through, file, baseFile].join(' -> ')}.`,
      value: named,
      place,
      help: 'Take `extends:` out of one of them.',
    });
  }
  const below = compose(textOf(baseFile, place), baseFile, options, chain);
  const merged = mergeFiles(below.source.without(['base']), source.without(['extends']), options.catalogue);
  return {
    source: merged.source,
    folders: new Map([...below.folders, [file, folder]]),
    errors: [...below.errors, ...merged.errors],
    notices: [...below.notices, ...merged.notices],
  };
}

function textOf(file: string, place: RlevError['place']): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new RlevError({
      code: 'data/missing-file',
      message: `The pipeline file ${file} cannot be read.`,
      value: file,
      ...(place && { place }),
      help: 'The path after `extends:` is relative to the file that it stands in.',
      cause,
    });
  }
}
