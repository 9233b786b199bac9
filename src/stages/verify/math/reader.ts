import { LatexSyntax } from '@cortex-js/compute-engine/latex-syntax';
import { withinTime } from '../within-time.ts';
import type { Tree } from './expression.ts';
import { latexOf } from './latex.ts';
import { type Reading, readingOf } from './reading.ts';
import { sameReading, type Tolerance } from './same.ts';

/**
 * Reads answers as mathematics, with the LaTeX parser of the CortexJS Compute Engine, and compares them. Reading and
 * comparing are bounded by the size of what is read; the parser has a clock behind that, as the last resort.
 */
export interface MathReader {
  /** What a text says; null where it is not read as mathematics, `stopped` where the clock stopped the parser. */
  read(text: string): Reading | null | 'stopped';
  same(answer: Reading, reference: Reading, tolerance: Tolerance): boolean;
}

/** Texts whose reading is remembered. */
const mostKnown = 5000;

/** A parser that has prepared its dictionary, which it does when it first reads: that is no answer's time. */
function warm(): LatexSyntax {
  const syntax = new LatexSyntax();
  for (const latex of [
    '\\frac{\\sqrt{3}}{2}x^{2}+1',
    '\\begin{pmatrix}1&2\\end{pmatrix}',
    'y\\le\\{1,(2,3]\\}',
  ]) {
    syntax.parse(latex);
  }
  return syntax;
}

export function createReader(): MathReader {
  let syntax = warm();
  const known = new Map<string, Reading | null>();

  const reading = (latex: string): Reading | null | 'stopped' => {
    try {
      const done = withinTime(() => syntax.parse(latex));
      if (done) return done.result === null ? null : readingOf(done.result as Tree);
      syntax = warm();
      return 'stopped';
    } catch {
      // What the parser throws on, or makes of nonsense, is no mathematics.
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
      if (found === 'stopped') return found;
      if (known.size >= mostKnown) known.clear();
      known.set(latex, found);
      return found;
    },
    same: sameReading,
  };
}
