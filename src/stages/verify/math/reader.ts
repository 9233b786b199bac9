import { LATEX_DICTIONARY, LatexSyntax } from '@cortex-js/compute-engine/latex-syntax';
import type { Tree } from './expression.ts';
import { latexOf } from './latex.ts';
import { type Reading, readingOf } from './reading.ts';
import { sameReading, type Tolerance } from './same.ts';

/**
 * Reads answers as mathematics, with the LaTeX parser of the CortexJS Compute Engine, and compares them. Reading and
 * comparing are bounded by the size of what is read, and by the steps that the parser takes.
 */
export interface MathReader {
  /** What a text says; null where it is not read as mathematics. */
  read(text: string): Reading | null;
  same(answer: Reading, reference: Reading, tolerance: Tolerance): boolean;
}

/** Texts whose reading is remembered. */
const mostKnown = 5000;

/** Steps that the parser may take over a text. A usual answer takes fewer than 20, a long one up to 80. */
const mostSteps = 300;

class OutOfSteps extends Error {}

/**
 * A parser that throws after so many steps, counted by an entry of its dictionary that matches wherever an expression
 * is looked for, and reads nothing. A clock in its place would make another verdict on a busy machine.
 */
function boundedParser(): (latex: string) => unknown {
  let steps = 0;
  const count = (): null => {
    if (++steps > mostSteps) throw new OutOfSteps();
    return null;
  };
  const syntax = new LatexSyntax({
    dictionary: [...LATEX_DICTIONARY, { kind: 'expression', latexTrigger: [], parse: count }],
  });
  return (latex) => {
    steps = 0;
    return syntax.parse(latex);
  };
}

export function createReader(): MathReader {
  const parse = boundedParser();
  const known = new Map<string, Reading | null>();

  const reading = (latex: string): Reading | null => {
    try {
      const tree = parse(latex);
      return tree === null ? null : readingOf(tree as Tree);
    } catch {
      // What the parser throws on, takes too many steps for, or makes of nonsense, is no mathematics.
      return null;
    }
  };

  return {
    read(text) {
      const latex = latexOf(text);
      if (latex === null) return null;
      const before = known.get(latex);
      if (before !== undefined) return before;
      const found = reading(latex);
      if (known.size >= mostKnown) known.clear();
      known.set(latex, found);
      return found;
    },
    same: sameReading,
  };
}
