/** A text as few numbers that are not 0: `value[k]` stands in column `index[k]`. */
export interface SparseRow {
  readonly index: Int32Array;
  /** float64, as long as `index`. */
  readonly value: Float64Array;
}

/** Terms by which texts are described, and how much each tells: rare ones more. */
export interface Vocabulary {
  readonly terms: readonly string[];
  /** float64 [terms]: ln((1 + n) / (1 + texts with the term)) + 1. */
  readonly weights: Float64Array;
}

/**
 * The terms of a text: words in lower case, each Chinese character, a number by its count of digits (`#3`), and any other
 * sign but blanks.
 */
export function termsOf(text: string): string[] {
  const pieces = text
    .toLowerCase()
    .match(/\p{Script=Han}|\p{N}+|(?:(?!\p{Script=Han})[\p{L}\p{M}])+|[^\s\p{L}\p{N}]/gu);
  return (pieces ?? []).map((piece) => (/^\p{N}/u.test(piece) ? `#${[...piece].length}` : piece));
}

/** The `most` terms that stand in most of the texts, of those in two or more; equal ones by their code units. */
export function vocabularyOf(texts: readonly string[], most: number): Vocabulary {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const term of new Set(termsOf(text))) counts.set(term, (counts.get(term) ?? 0) + 1);
  }
  const kept = [...counts]
    .filter(([, n]) => n > 1)
    .sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    .slice(0, most);
  return {
    terms: kept.map(([term]) => term),
    weights: Float64Array.from(kept, ([, n]) => Math.log((1 + texts.length) / (1 + n)) + 1),
  };
}

/**
 * Texts as vectors of terms + 1 columns: term frequency times weight, of length 1, and last the logarithm of 1 + the
 * number of terms. Terms that the vocabulary lacks are as if they were not there, so a template around a question
 * says nothing.
 *
 * Source: tf-idf as in Salton and Buckley, "Term-weighting approaches in automatic text retrieval", 1988, with smooth
 * weights.
 */
export function textRows(texts: readonly string[], { terms, weights }: Vocabulary): SparseRow[] {
  const columnOf = new Map(terms.map((term, i) => [term, i]));
  return texts.map((text) => {
    const counts = new Map<number, number>();
    let known = 0;
    for (const term of termsOf(text)) {
      const at = columnOf.get(term);
      if (at === undefined) continue;
      known++;
      counts.set(at, (counts.get(at) ?? 0) + 1);
    }
    const entries = [...counts].sort(([a], [b]) => a - b).map(([i, n]) => [i, n * weights[i]!] as const);
    const norm = Math.hypot(...entries.map(([, x]) => x)) || 1;
    return {
      index: Int32Array.from([...entries.map(([i]) => i), terms.length]),
      value: Float64Array.from([...entries.map(([, x]) => x / norm), Math.log1p(known)]),
    };
  });
}

/** How much of texts a vocabulary knows. */
export interface Coverage {
  /** Texts without any known term. */
  readonly unknownTexts: number;
  /** Share of all terms of all texts that are known, 0 to 1. */
  readonly knownTerms: number;
}

/** How much of texts a vocabulary knows. */
export function coverageOf(texts: readonly string[], { terms }: Vocabulary): Coverage {
  const known = new Set(terms);
  let [all, found, unknownTexts] = [0, 0, 0];
  for (const text of texts) {
    const own = termsOf(text);
    const inside = own.filter((term) => known.has(term)).length;
    all += own.length;
    found += inside;
    if (inside === 0) unknownTexts++;
  }
  return { unknownTexts, knownTerms: all > 0 ? found / all : 0 };
}
