import { didYouMean } from '../../core/did-you-mean.ts';
import { RlevError } from '../../core/errors.ts';
import { keysAt } from '../../core/schema-keys.ts';
import type { Catalogue } from '../../core/stage.ts';
import { dotted } from './findings.ts';
import type { Located, Path } from './located.ts';

export interface Merged {
  readonly source: Located;
  readonly errors: readonly RlevError[];
  /** Each parameter that was dropped, in one sentence. */
  readonly notices: readonly string[];
}

/** What takes a stage or an evaluation out: `reward: remove`. */
export const removed = 'remove';

/**
 * Lays a patch over a pipeline. Maps merge key by key, all else replaces. Under `stages` and `evaluate` the word
 * `remove` takes an id out; a stage with `before: ID` or `after: ID` goes there.
 */
export function mergeFiles(base: Located, patch: Located, catalogue: Catalogue): Merged {
  const errors: RlevError[] = [];
  const notices: string[] = [];
  let source = base;
  for (const key of patch.keysAt([])) {
    if (key === 'stages') {
      for (const id of patch.keysAt([key])) {
        const merged = mergeStage(source, patch, id, catalogue);
        source = merged.source;
        errors.push(...merged.errors);
        notices.push(...merged.notices);
      }
    } else if (key === 'evaluate') {
      for (const id of patch.keysAt([key])) {
        const path = [key, id];
        const ids = source.keysAt([key]);
        if (patch.at(path) !== removed) source = mergeValue(source, path, patch, path, notices);
        else if (ids.includes(id)) source = source.without(path);
        else {
          errors.push(
            new RlevError({
              code: 'config/unknown-key',
              message: `The pipeline that this one extends has no evaluation with the id ${JSON.stringify(id)}.`,
              value: id,
              place: patch.placeOfKey(path),
              help: ids.length > 0 ? didYouMean(id, ids) : 'It has none.',
            }),
          );
        }
      }
    } else source = mergeValue(source, [key], patch, [key], notices);
  }
  return { source, errors, notices };
}

/**
 * Lays the value at `from` of a patch over that at `path`. Maps merge; one that names another `use` than before
 * stands alone, for the parameters of one loss are not those of another.
 */
function mergeValue(source: Located, path: Path, patch: Located, from: Path, notices: string[]): Located {
  const keys = patch.keysAt(from);
  const before = source.keysAt(path);
  if (keys.length === 0 || before.length === 0) return source.graft(path, patch, from);
  const use = patch.at([...from, 'use']);
  if (use !== undefined && use !== source.at([...path, 'use'])) {
    for (const key of before.filter((name) => name !== 'use' && !keys.includes(name))) {
      notices.push(`${dotted([...path, key])} was dropped: it belonged to another \`use\` than ${use}.`);
    }
    return source.graft(path, patch, from);
  }
  return keys.reduce(
    (merged, key) => mergeValue(merged, [...path, key], patch, [...from, key], notices),
    source,
  );
}

/** Lays a patch over a stage: parameters that another `use` does not have are dropped, and a notice says so. */
export function patchStage(
  source: Located,
  path: Path,
  patch: Located,
  from: Path,
  catalogue: Catalogue,
  notices: string[],
): Located {
  const use = patch.at([...from, 'use']);
  const swapped = use !== undefined && use !== source.at([...path, 'use']);
  const kept = swapped
    ? dropForeign(source, path, String(use), patch.keysAt(from), catalogue, notices)
    : source;
  return patch
    .keysAt(from)
    .filter((key) => patch.at([...from, key]) !== undefined)
    .reduce((merged, key) => mergeValue(merged, [...path, key], patch, [...from, key], notices), kept);
}

/** Drops the parameters of a stage that the stage `use` does not have, but for `own`. */
export function dropForeign(
  source: Located,
  path: Path,
  use: string,
  own: readonly string[],
  catalogue: Catalogue,
  notices: string[],
): Located {
  const definition = catalogue.get(use);
  if (!definition) return source;
  const known = ['use', ...own, ...keysAt(definition.params, [])];
  let kept = source;
  for (const key of source.keysAt(path)) {
    if (known.includes(key)) continue;
    kept = kept.without([...path, key]);
    notices.push(`${dotted([...path, key])} was dropped: ${definition.name} has no such parameter.`);
  }
  return kept;
}

function mergeStage(source: Located, patch: Located, id: string, catalogue: Catalogue): Merged {
  const path = ['stages', id];
  const ids = source.keysAt(['stages']);
  const notices: string[] = [];
  const there = ids.includes(id);
  const config = patch.at(path);
  const refuse = (error: RlevError): Merged => ({ source, errors: [error], notices });
  const unknown = (word: string, at: Path, help: string): Merged =>
    refuse(
      new RlevError({
        code: 'config/unknown-key',
        message: `The pipeline that this one extends has no stage with the id ${JSON.stringify(word)}.`,
        value: word,
        place: at.length > 2 ? patch.placeOf(at) : patch.placeOfKey(at),
        help,
      }),
    );
  if (config === removed) {
    return there
      ? { source: source.without(path), errors: [], notices }
      : unknown(id, path, didYouMean(id, ids));
  }
  // What is neither a map nor `remove` has the wrong type, and is found by its place when it is resolved.
  if (typeof config !== 'object' || config === null) {
    return { source: source.graft(path, patch, path), errors: [], notices };
  }
  const beside = (['before', 'after'] as const).filter((word) => patch.at([...path, word]) !== undefined);
  if (beside.length === 2) {
    return refuse(
      new RlevError({
        code: 'config/type',
        message: `${id} says both before: and after:; a stage goes to one place.`,
        place: patch.placeOfKey([...path, 'after']),
        help: 'Leave one of the two out.',
      }),
    );
  }
  const [word] = beside;
  if (!there && !word) {
    const hint = didYouMean(id, ids);
    return unknown(id, path, `${hint} A new stage says where it goes: \`before: ID\` or \`after: ID\`.`);
  }
  const stripped = word ? patch.without([...path, word]) : patch;
  const merged = there
    ? patchStage(source, path, stripped, path, catalogue, notices)
    : source.graft(path, stripped, path);
  if (!word) return { source: merged, errors: [], notices };
  const target = String(patch.at([...path, word]));
  const others = ids.filter((name) => name !== id);
  if (!others.includes(target)) return unknown(target, [...path, word], didYouMean(target, others));
  const at = others.indexOf(target) + (word === 'after' ? 1 : 0);
  return { source: merged.ordered(['stages'], others.toSpliced(at, 0, id)), errors: [], notices };
}
