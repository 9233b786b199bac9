import type { AnyColumnData } from '../core/columns.ts';
import { describeDifferences, differences } from './differences.ts';
import { plainOf } from './plain.ts';

declare global {
  namespace Chai {
    interface Assertion {
      /**
       * That a column holds these cells, one a row: exactly, or within `tolerance * max(1, |expected|)`. A number for a
       * row of tokens is expected of each token.
       */
      column(expected: AnyColumnData | readonly unknown[], tolerance?: number): Assertion;
    }
  }
}

interface Chainable {
  readonly _obj: unknown;
  assert(is: boolean, message: string, negated: string, expected?: unknown, actual?: unknown): void;
}

interface Chai {
  readonly Assertion: {
    addMethod(name: string, method: (this: never, ...args: unknown[]) => unknown): void;
  };
}

/**
 * Chai assertions on columns. `chai.use(columnAssertions)`, then
 *
 * ```ts
 * expect(advantage).to.be.column([[0.5, 0.5], [-0.5]]);
 * expect(advantage).to.be.column([0.333, -0.333], 1e-3);
 * ```
 */
export function columnAssertions(chai: Chai): void {
  chai.Assertion.addMethod('column', function (
    this: Chainable,
    expected: AnyColumnData | readonly unknown[],
    tolerance = 0,
  ) {
    const actual = this._obj as AnyColumnData;
    const found = differences(actual, expected, tolerance);
    this.assert(
      found.length === 0,
      `expected another column:\n${describeDifferences(found)}`,
      `expected any column but ${JSON.stringify(plainOf(actual))}`,
      Array.isArray(expected) ? expected : plainOf(expected as AnyColumnData),
      plainOf(actual),
    );
  } as never);
}
