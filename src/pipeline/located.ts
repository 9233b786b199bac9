import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { type Place, RlevError, RlevErrors } from '../core/errors.ts';

/** A key path into a document: `['stages', 'rollout', 'samples']`. */
export type Path = readonly (string | number)[];

/** Plain data with the place in a file where every key and value of it stands. */
export interface Located {
  readonly data: unknown;
  /** Place of the value at a path, or of its nearest ancestor that has one. */
  placeOf(path: Path): Place;
  /** Place of the key that leads to a path. */
  placeOfKey(path: Path): Place;
  /** A copy with one value replaced or added, which stands at `place`, and its key at `keyPlace`. */
  with(path: Path, value: unknown, place: Place, keyPlace?: Place): Located;
  /** A copy without the key at a path. */
  without(path: Path): Located;
}

/**
 * Reads YAML 1.2 with positions.
 *
 * @throws RlevError `config/syntax` with every syntax error of the file: duplicate keys, bad indentation, aliases that
 * name nothing
 */
export function parseYaml(text: string, file: string): Located {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  if (document.errors.length > 0) {
    throw new RlevErrors(
      document.errors.map(
        (e) =>
          new RlevError({
            code: 'config/syntax',
            message: firstSentence(e.message),
            place: placeAt(e.pos[0]),
            help: 'Two spaces a level, `key: value` with a space after the colon; see docs/pipeline.md.',
          }),
      ),
    );
  }
  const values = new Map<string, Place>();
  const keys = new Map<string, Place>();
  const walk = (node: Node | null | undefined, path: Path): void => {
    if (!node) return;
    if (node.range) values.set(keyOf(path), placeAt(node.range[0]));
    if (isMap(node)) {
      for (const pair of node.items) {
        if (!isScalar(pair.key)) continue;
        const inner = [...path, String(pair.key.value)];
        if (pair.key.range) keys.set(keyOf(inner), placeAt(pair.key.range[0]));
        walk(pair.value as Node | null, inner);
      }
    } else if (isSeq(node)) {
      node.items.forEach((item, i) => {
        walk(item as Node, [...path, i]);
      });
    }
  };
  walk(document.contents, []);
  return located(document.toJS(), values, keys, { file, line: 1, column: 1 });
}

function located(
  data: unknown,
  values: ReadonlyMap<string, Place>,
  keys: ReadonlyMap<string, Place>,
  top: Place,
): Located {
  const nearest = (places: ReadonlyMap<string, Place>, path: Path): Place => {
    for (let n = path.length; n >= 0; n--) {
      const key = keyOf(path.slice(0, n));
      const place = (n === path.length ? places.get(key) : undefined) ?? keys.get(key) ?? values.get(key);
      if (place) return place;
    }
    return top;
  };
  return {
    data,
    placeOf: (path) => nearest(values, path),
    placeOfKey: (path) => nearest(keys, path),
    with(path, value, place, keyPlace = place) {
      const copy = structuredClone(data) as Record<string | number, unknown>;
      let at = copy;
      for (const [i, key] of path.slice(0, -1).entries()) {
        const inner = at[key] ?? {};
        if (typeof inner !== 'object') {
          throw new RlevError({
            code: 'usage/arguments',
            message: `${path.slice(0, i + 1).join('.')} is ${JSON.stringify(inner)}, which has no keys.`,
            value: inner,
            place,
          });
        }
        at[key] = inner;
        at = inner as Record<string | number, unknown>;
      }
      at[path.at(-1)!] = value;
      const under = keyOf(path);
      const outside = (p: ReadonlyMap<string, Place>): Map<string, Place> =>
        new Map([...p].filter(([k]) => k !== under && !k.startsWith(`${under}\0`)));
      return located(
        copy,
        new Map([...outside(values), [under, place]]),
        new Map([...outside(keys), [under, keyPlace]]),
        top,
      );
    },
    without(path) {
      const copy = structuredClone(data) as Record<string | number, unknown>;
      let at = copy;
      for (const key of path.slice(0, -1)) at = at[key] as Record<string | number, unknown>;
      delete at[path.at(-1)!];
      return located(copy, values, keys, top);
    },
  };
}

function keyOf(path: Path): string {
  return ['', ...path].join('\0');
}

function firstSentence(message: string): string {
  const line = message.split('\n')[0]!.trim();
  return line.endsWith('.') ? line : `${line}.`;
}
