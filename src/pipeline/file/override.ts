import { parse as parseYamlValue } from 'yaml';
import { didYouMean } from '../../core/did-you-mean.ts';
import { RlevError, reasonOf } from '../../core/errors.ts';
import type { Catalogue } from '../../core/stage.ts';
import { dotted } from './findings.ts';
import type { Located, Path } from './located.ts';
import { dropForeign } from './merge.ts';

/**
 * Lays overrides over a pipeline: `stages.rollout.samples=4`, a path of keys, `=`, and a value in YAML. Where one
 * changes `use`, parameters that were there and that the new one lacks are dropped, and a notice says so.
 *
 * @throws RlevError `usage/arguments` for what has no `=`, `config/unknown-key` for the id of no stage
 */
export function override(
  source: Located,
  sets: readonly string[],
  catalogue: Catalogue,
  notices: string[],
): Located {
  const ids = source.keysAt(['stages']);
  const overrides = sets.map((set) => parseOverride(set, ids));
  let result = source;
  for (const { path, value, place } of overrides) {
    const at = path.slice(0, -1);
    if (path.at(-1) === 'use' && value !== result.at(path)) {
      const own = overrides.filter((o) => isIn(o.path, at)).map((o) => o.path[at.length]!);
      result =
        path.length === 3 && path[0] === 'stages'
          ? dropForeign(result, at, String(value), own, catalogue, notices)
          : dropAll(result, at, String(value), own, notices);
    }
    result = result.with(path, value, place);
  }
  return result;
}

interface Override {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly place: { readonly file: string };
}

function parseOverride(set: string, ids: readonly string[]): Override {
  const place = { file: `--set ${set}` };
  const equals = set.indexOf('=');
  if (equals < 1) {
    throw new RlevError({
      code: 'usage/arguments',
      message: `--set takes path=value, not ${JSON.stringify(set)}.`,
      value: set,
      place,
      help: 'For instance --set stages.rollout.samples=4.',
    });
  }
  const path = set.slice(0, equals).split('.');
  if (path[0] === 'extends' || path.includes('__proto__')) {
    throw new RlevError({
      code: 'config/unknown-key',
      message: `An override cannot change ${dotted(path)}.`,
      value: path[0],
      place,
      help:
        path[0] === 'extends'
          ? 'Write a file that extends the other, with the changes in it.'
          : 'Name a key of a pipeline file.',
    });
  }
  if (path[0] === 'stages' && path.length > 2 && !ids.includes(path[1]!)) {
    throw new RlevError({
      code: 'config/unknown-key',
      message: `No stage has the id ${JSON.stringify(path[1])}.`,
      value: path[1],
      place,
      help: didYouMean(path[1]!, ids),
    });
  }
  try {
    return { path, value: parseYamlValue(set.slice(equals + 1)), place };
  } catch (cause) {
    throw new RlevError({
      code: 'config/syntax',
      message: `${JSON.stringify(set.slice(equals + 1))} is no YAML: ${reasonOf(cause)
        .split('\n')[0]!
        .replace(/[:.]?$/, '.')}`,
      value: set,
      place,
      help: "Quote it for the shell: --set 'stages.optimize.loss.clip=[0.2, 0.28]'.",
      cause,
    });
  }
}

function isIn(path: readonly string[], map: Path): boolean {
  return path.length > map.length && map.every((key, i) => path[i] === key);
}

/** A loss, a schedule or an engine by another name begins with none of the parameters of the one before. */
function dropAll(
  source: Located,
  path: Path,
  use: string,
  own: readonly string[],
  notices: string[],
): Located {
  let kept = source;
  for (const key of source.keysAt(path)) {
    if (key === 'use' || own.includes(key)) continue;
    kept = kept.without([...path, key]);
    notices.push(`${dotted([...path, key])} was dropped: it belonged to another \`use\` than ${use}.`);
  }
  return kept;
}
