import { RlevError, RlevErrors } from '../core/errors.ts';

const shown = 20;

/** Errors found in one pass over a user's data, to be thrown together. */
export class Findings {
  private readonly errors: RlevError[] = [];
  private count = 0;

  get size(): number {
    return this.count;
  }

  add(error: RlevError): void {
    this.count++;
    if (this.errors.length < shown) this.errors.push(error);
  }

  /** @throws RlevErrors with the first 20 findings, where there is one, and how many more there are */
  throwIfAny(): void {
    const last = this.errors.at(-1);
    if (!last) return;
    const more = this.count - this.errors.length;
    const rest = new RlevError({ code: last.code, message: `and ${more} more findings of this kind.` });
    throw new RlevErrors(more > 0 ? [...this.errors, rest] : this.errors);
  }
}
