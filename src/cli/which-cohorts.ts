import { RlevError } from '../core/errors.ts';
import type { Scope } from '../core/stage.ts';
import type { StepRange } from '../log/address.ts';

/** `train` or `eval:ID`. @throws RlevError `usage/arguments` */
export function scopeOf(text: string): Scope {
  if (text === 'train' || /^eval:./.test(text)) return text as Scope;
  throw new RlevError({
    code: 'usage/arguments',
    message: 'No flow of a run is called that.',
    value: text,
    help: 'Write --scope train, or --scope eval:ID with the id of an evaluation.',
  });
}

/** `A..B`, `A..`, `..B` or `A`. @throws RlevError `usage/arguments` */
export function stepsOf(text: string): StepRange {
  const [, from, dots, to] = /^(\d*)(\.\.)?(\d*)$/.exec(text) ?? [];
  const first = Number(from || 0);
  const last = dots ? Number(to || Number.MAX_SAFE_INTEGER) : first;
  if (from !== undefined && (from || to) && first <= last) return { from: first, to: last };
  throw new RlevError({
    code: 'usage/arguments',
    message: `--steps takes A..B, not ${text}.`,
    value: text,
    help: 'For instance --steps 10..20, --steps 10.. or --steps 10.',
  });
}
