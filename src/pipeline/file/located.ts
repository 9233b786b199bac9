import { type Place, RlevError } from '../../core/errors.ts';

/** A key path into a document: `['stages', 'rollout', 'samples']`. */
export type Path = readonly (string | number)[];

type Places = ReadonlyMap<string, Place>;
type Data = Record<string | number, unknown>;

interface Parts {
  readonly data: unknown;
  readonly values: Places;
  readonly keys: Places;
  /** Environment variables that a value was filled in from, by path. */
  readonly variables: ReadonlyMap<string, string>;
  readonly top: Place;
}

/** Plain data with the place in a file where every key and value of it stands. Nothing changes it: `with` copies. */
export class Located {
  private readonly parts: Parts;

  constructor(parts: Parts) {
    this.parts = parts;
  }

  get data(): unknown {
    return this.parts.data;
  }

  /** The value at a path; undefined where there is none. */
  at(path: Path): unknown {
    return path.reduce<unknown>((data, key) => (isMap(data) ? data[key] : undefined), this.data);
  }

  /** Keys of the map at a path, in order; none where no map is there. */
  keysAt(path: Path): string[] {
    const value = this.at(path);
    return isMap(value) && !Array.isArray(value) ? Object.keys(value) : [];
  }

  /** Place of the value at a path, or of its nearest ancestor that has one. */
  placeOf(path: Path): Place {
    return this.nearest(this.parts.values, path);
  }

  /** Place of the key that leads to a path. */
  placeOfKey(path: Path): Place {
    return this.nearest(this.parts.keys, path);
  }

  /** The environment variable that a value was filled in from, `${NAME}`. */
  variableOf(path: Path): string | undefined {
    return this.parts.variables.get(keyOf(path));
  }

  /** A copy with one value replaced or added, which stands at `place`, and its key at `keyPlace`. */
  with(path: Path, value: unknown, place: Place, keyPlace: Place = place): Located {
    const { data, values, keys, variables, top } = this.parts;
    // Maps on the way that are not there yet are made, and stand where the value does.
    const made = path.slice(0, -1).map((_, i) => path.slice(0, i + 1));
    const places = made
      .filter((at) => this.at(at) === undefined)
      .map((at): [string, Place] => [keyOf(at), keyPlace]);
    return new Located({
      data: changed(data, path, place, (map, key) => {
        map[key] = value;
      }),
      values: new Map([...outside(values, path), [keyOf(path), place]]),
      keys: new Map([...outside(keys, path), ...places, [keyOf(path), keyPlace]]),
      variables: new Map(outside(variables, path)),
      top,
    });
  }

  /** A copy in which the value at `path` is that of `other` at `from`, with the places of all that is in it. */
  graft(path: Path, other: Located, from: Path): Located {
    const copy = this.with(
      path,
      structuredClone(other.at(from)),
      other.placeOf(from),
      other.placeOfKey(from),
    );
    const moved = <T>(entries: ReadonlyMap<string, T>): [string, T][] =>
      [...entries]
        .filter(([key]) => isUnder(key, from))
        .map(([key, entry]) => [keyOf(path) + key.slice(keyOf(from).length), entry]);
    const { data, values, keys, variables, top } = copy.parts;
    return new Located({
      data,
      values: new Map([...values, ...moved(other.parts.values)]),
      keys: new Map([...keys, ...moved(other.parts.keys)]),
      variables: new Map([...variables, ...moved(other.parts.variables)]),
      top,
    });
  }

  /** A copy without the key at a path. */
  without(path: Path): Located {
    const { data, values, keys, variables, top } = this.parts;
    return new Located({
      data: changed(data, path, top, (map, key) => {
        delete map[key];
      }),
      values: new Map(outside(values, path)),
      keys: new Map(outside(keys, path)),
      variables: new Map(outside(variables, path)),
      top,
    });
  }

  /** A copy in which the keys of the map at a path stand in this order. */
  ordered(path: Path, order: readonly string[]): Located {
    const map = this.at(path) as Data;
    const data = changed(this.data, path, this.parts.top, (parent, key) => {
      parent[key] = Object.fromEntries(order.map((name) => [name, map[name]]));
    });
    return new Located({ ...this.parts, data });
  }

  private nearest(places: Places, path: Path): Place {
    const { values, keys, top } = this.parts;
    for (let n = path.length; n >= 0; n--) {
      const key = keyOf(path.slice(0, n));
      const place = (n === path.length ? places.get(key) : undefined) ?? keys.get(key) ?? values.get(key);
      if (place) return place;
    }
    return top;
  }
}

/** A path as the key of a map of places. */
export function keyOf(path: Path): string {
  return ['', ...path].join('\0');
}

function isUnder(key: string, path: Path): boolean {
  return key === keyOf(path) || key.startsWith(`${keyOf(path)}\0`);
}

function outside<T>(entries: ReadonlyMap<string, T>, path: Path): [string, T][] {
  return [...entries].filter(([key]) => !isUnder(key, path));
}

function isMap(value: unknown): value is Data {
  return typeof value === 'object' && value !== null;
}

/** A copy of the data after `change` of the map that holds the last key of the path; maps are made where none is. */
function changed(
  data: unknown,
  path: Path,
  place: Place,
  change: (map: Data, key: string | number) => void,
): unknown {
  const copy = structuredClone(data ?? {});
  let at = copy as Data;
  for (const [i, key] of path.slice(0, -1).entries()) {
    if (!Object.hasOwn(at, key)) at[key] = {};
    const inner = at[key];
    if (!isMap(inner)) {
      throw new RlevError({
        code: 'usage/arguments',
        message: `${path.slice(0, i + 1).join('.')} is ${JSON.stringify(inner)}, which has no keys.`,
        value: inner,
        place,
      });
    }
    at = inner;
  }
  change(at, path.at(-1)!);
  return copy;
}
