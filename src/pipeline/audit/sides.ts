import { RlevError } from '../../core/errors.ts';
import type { Catalogue } from '../../core/stage.ts';
import type { ResolvedStage } from '../file/resolve-stage.ts';
import { type VerifierSpec, verifierOf } from '../file/verifier.ts';
import { sameStage } from '../replay/same-stage.ts';

/** Verifiers to put side by side; at most two. The recorded verdict is the other side of a lone one. */
export interface Verifiers {
  /** One that finds few answers right. */
  readonly strict?: VerifierSpec;
  /** One that finds many right. */
  readonly lenient?: VerifierSpec;
  /** One that is believed. */
  readonly judge?: VerifierSpec;
}

/** One of the two: the recorded verdict, or a verifier that judges again. */
export interface Side {
  readonly name: 'strict' | 'lenient' | 'judge' | 'recorded';
  readonly use: string;
  readonly params: unknown;
  /** Absent for the recorded verdict. */
  readonly stage?: ResolvedStage;
}

/** What is asked for where nothing is. */
const strictest = 'verify/exact';

/**
 * The two sides of an audit, the recorded verdict on the left of a judge or a lenient verifier and on the right of a
 * strict one.
 *
 * @param recorded the run's own verifier
 * @param base absolute folder of the run's pipeline; paths of what is given here are relative to the working directory
 * @throws RlevError `usage/arguments` for three sides, or for two that are one; `config/*` with the name of the side
 *   for a verifier that is not there, cannot be loaded, has other parameters or is none
 */
export async function sidesOf(
  verifiers: Verifiers,
  recorded: ResolvedStage,
  catalogue: Catalogue,
  base: string,
): Promise<readonly [Side, Side]> {
  const given = (['strict', 'lenient', 'judge'] as const).filter((name) => verifiers[name] !== undefined);
  if (given.length > 2) {
    throw new RlevError({
      code: 'usage/arguments',
      message: 'An audit puts two verifiers side by side, and three are named.',
      value: given,
      help: 'Name one, to hold it against the recorded verdict, or two: strict and lenient, or either and a judge.',
    });
  }
  const names = given.length > 0 ? given : (['strict'] as const);
  const sides: Side[] = [];
  for (const name of names) {
    const stage = await verifierOf(name, verifiers[name] ?? strictest, catalogue, base);
    sides.push({ name, use: stage.use, params: stage.params, stage });
  }
  const own: Side = { name: 'recorded', use: recorded.use, params: recorded.params };
  if (sides.length < 2) sides.splice(sides[0]!.name === 'strict' ? 1 : 0, 0, own);
  const [first, second] = sides as [Side, Side];
  if (!sameStage(first.stage ?? recorded, second.stage ?? recorded)) return [first, second];
  throw new RlevError({
    code: 'usage/arguments',
    message: `Both sides are ${first.use} with the same parameters: ${first.name} and ${second.name}.`,
    value: first.use,
    help:
      first.stage && second.stage
        ? 'Name two verifiers that differ.'
        : 'Name another: --strict, --lenient or --judge VERIFIER. Whether it still gives what is recorded: rlev replay RUN --check.',
  });
}
