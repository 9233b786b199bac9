import { type Batch, columnOf } from '../../core/batch.ts';
import { type AuditStratum, type AuditSummary, summarizeAudit } from '../../report/audit.ts';
import type { DrawnRow, Population } from './population.ts';
import { First } from './sample.ts';
import type { Side } from './sides.ts';

/** A verdict that the two sides do not share. */
export interface Disagreement {
  readonly row_id: string;
  readonly step: number;
  readonly points: number;
  /** s(x) of its reward, 0 where a filter dropped it before; null where the run recorded none. */
  readonly scale: number | null;
  /** points * |difference of the verdicts|. */
  readonly cost: number;
  readonly prompt: string | null;
  readonly reference: readonly string[];
  readonly response: string | null;
  /** By the name of the side; an answer is null where none was found, or the verifier names none. */
  readonly verdicts: Readonly<Record<string, { readonly answer: string | null; readonly correct: number }>>;
}

/** The verdicts on the rows drawn, folded step by step. */
export class Judged {
  rows = 0;
  disagreements = 0;
  readonly #population: Population;
  readonly #sides: readonly [Side, Side];
  readonly #drawn: Record<'first' | 'second' | 'points' | 'scale', number[]>[];
  readonly #dearest: First<Disagreement & { readonly priority: number }>;

  constructor(population: Population, sides: readonly [Side, Side], examples: number) {
    this.#population = population;
    this.#sides = sides;
    this.#drawn = population.buckets.map(() => ({ first: [], second: [], points: [], scale: [] }));
    this.#dearest = new First(examples, (a, b) => b.cost - a.cost || a.priority - b.priority);
  }

  /** @param input and `answers` hold the rows drawn of a step, in their order */
  add(
    step: number,
    rows: ReadonlyMap<string, DrawnRow>,
    input: Batch,
    answers: readonly [Batch, Batch],
  ): void {
    const prompt = input.getChild('prompt') ? columnOf(input, 'prompt') : undefined;
    const reference = input.getChild('reference') ? columnOf(input, 'reference') : undefined;
    const response = input.getChild('response') ? columnOf(input, 'response') : undefined;
    const [first, second] = answers.map((batch) => columnOf(batch, 'correct')) as [
      Float32Array,
      Float32Array,
    ];
    let i = -1;
    for (const [id, { bucket, priority, points, scale }] of rows) {
      i++;
      const [a, b] = [first[i]!, second[i]!];
      const drawn = this.#drawn[bucket]!;
      drawn.first.push(a);
      drawn.second.push(b);
      drawn.points.push(points);
      if (scale !== null) drawn.scale.push(scale);
      this.rows++;
      if (a === b) continue;
      this.disagreements++;
      const verdictOf = (batch: Batch, correct: number, row: number) => ({
        answer: batch.getChild('answer') ? (columnOf(batch, 'answer')[row] ?? null) : null,
        correct,
      });
      this.#dearest.add({
        priority,
        row_id: id,
        step,
        points,
        scale,
        cost: points * Math.abs(a - b),
        prompt: prompt?.[i] ?? null,
        reference: reference?.[i] ?? [],
        response: response?.[i] ?? null,
        verdicts: {
          [this.#sides[0].name]: verdictOf(answers[0], a, i),
          [this.#sides[1].name]: verdictOf(answers[1], b, i),
        },
      });
    }
  }

  summary(): AuditSummary {
    const strata = this.#population.buckets.map((bucket, b): AuditStratum => {
      const { first, second, points, scale } = this.#drawn[b]!;
      const numbers = { first, second, points, scale };
      const drawn = Object.fromEntries(
        Object.entries(numbers).map(([name, values]) => [name, Float64Array.from(values)]),
      );
      return { ...bucket, drawn: drawn as AuditStratum['drawn'] };
    });
    return summarizeAudit(strata, [this.#sides[0].name, this.#sides[1].name]);
  }

  examples(): Disagreement[] {
    return this.#dearest.items().map(({ priority: _, ...disagreement }) => disagreement);
  }
}
