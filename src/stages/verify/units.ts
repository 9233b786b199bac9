/**
 * Units of measurement, by mathjs, which is loaded where a reference has a unit: it takes half a second. What is read
 * of a unit is bounded in length.
 */
export interface Units {
  /** The unit that all of a text is, in the form that `convert` takes; null where it is none. */
  unitOf(text: string): string | null;
  /**
   * The unit that a text begins with: the longest that measures what `expected` does, else the longest that is one;
   * null where it begins with none.
   */
  leadingUnit(text: string, expected: string): string | null;
  /** A number of one unit in another; null where they measure different things. */
  convert(value: number, from: string, to: string): number | null;
}

let loaded: Promise<Units> | undefined;

export function loadUnits(): Promise<Units> {
  loaded ??= import('mathjs').then(({ unit }) => unitsBy(unit));
  return loaded;
}

/** Longest text of a unit, in characters, and most words of one. */
const longest = 40;
const words = 4;

/** What mathjs has another name for. */
const names: readonly (readonly [RegExp, string])[] = [
  [/\\(?:text|mathrm|textrm|rm|mathit)\b/g, ' '],
  [/\\(?:cdot|times)|[·⋅×]/g, '*'],
  [/\\circ\b|\\degree\b/g, '°'],
  [/\\[ ~]|[~{}$]/g, ' '],
  [/\^\s*°/g, '°'],
  [/°\s*([CF])(?![A-Za-z])/g, ' deg$1'],
  [/°/g, ' deg'],
  [/\\Omega\b|[Ωω]/g, 'ohm'],
  [/\\mu\b|[µμ]/g, 'u'],
  [/\s+per\s+/g, '/'],
  [/千米|公里/g, 'km'],
  [/厘米/g, 'cm'],
  [/毫米/g, 'mm'],
  [/米/g, 'm'],
  [/千克|公斤/g, 'kg'],
  [/克/g, 'g'],
  [/小时/g, 'h'],
  [/分钟/g, 'min'],
  [/秒/g, 's'],
  [/度/g, 'deg'],
  [/\bmph\b/g, 'mi/h'],
  [/\bk[pm]h\b/g, 'km/h'],
  [/([A-Za-z])(-?\d)/g, '$1^$2'],
  [/\s*\^\s*/g, '^'],
];

function plainUnit(text: string): string {
  return names.reduce((unit, [form, name]) => unit.replace(form, name), text.slice(0, 3 * longest));
}

/** What a text begins with that could be a unit, the longest first. */
function prefixes(text: string): readonly string[] {
  const [start = ''] = /^[A-Za-z*/^()\d\s-]*/.exec(plainUnit(text)) ?? [];
  const parts = start.trim().split(/\s+/).slice(0, words);
  return parts.map((_, i) => parts.slice(0, parts.length - i).join(' '));
}

type MakeUnit = (value: number, name: string) => { toNumber(name: string): number };

function unitsBy(make: MakeUnit): Units {
  const known = new Map<string, boolean>();
  const isUnit = (name: string): boolean => {
    if (name.length > longest || !/^[A-Za-z(]/.test(name)) return false;
    const before = known.get(name);
    if (before !== undefined) return before;
    const is = attempt(() => make(1, name)) !== null;
    if (known.size < 10_000) known.set(name, is);
    return is;
  };
  const convert = (value: number, from: string, to: string) => attempt(() => make(value, from).toNumber(to));
  return {
    unitOf: (text) => [plainUnit(text).trim()].find(isUnit) ?? null,
    leadingUnit: (text, expected) => {
      const units = prefixes(text).filter(isUnit);
      return units.find((unit) => convert(1, unit, expected) !== null) ?? units[0] ?? null;
    },
    convert,
  };
}

/** mathjs throws on what is no unit, and on converting between units of different things. */
function attempt<T>(work: () => T): T | null {
  try {
    return work();
  } catch {
    return null;
  }
}
