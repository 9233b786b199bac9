import { parse } from 'yaml';
import { didYouMean } from '../../core/did-you-mean.ts';
import { RlevError, RlevErrors, show } from '../../core/errors.ts';
import type { Catalogue } from '../../core/stage.ts';
import { Located } from '../file/located.ts';
import { namesModule, ownStage } from '../file/own-stages.ts';
import { type ResolvedStage, resolveStages } from '../file/resolve-stage.ts';
import { sameStage } from '../replay/same-stage.ts';

/** A verifier as a pipeline file has it: `verify/exact`, or its `use` with parameters. */
export type VerifierSpec = string | { readonly use: string; readonly [parameter: string]: unknown };

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

/** Reads `verify/exact`, `./judge.js#judge` or `{ use: verify/numeric, rel: 0.01 }`. */
async function verifierOf(
  name: Side['name'],
  spec: VerifierSpec,
  catalogue: Catalogue,
  base: string,
): Promise<ResolvedStage> {
  const place = { file: `--${name}` };
  const data: unknown = typeof spec === 'string' ? parsed(spec, name) : spec;
  const map = typeof data === 'string' ? { use: data } : data;
  const use = typeof map === 'object' && map !== null ? (map as { use?: unknown }).use : undefined;
  if (typeof use !== 'string' || use === '') {
    throw new RlevError({
      code: 'usage/arguments',
      message: `--${name} takes a verifier, not ${show(data)}.`,
      value: data,
      help: `For instance --${name} verify/exact, --${name} ./judge.js#judge or --${name} '{ use: verify/numeric, rel: 0.01 }'.`,
    });
  }
  const known = new Map(catalogue);
  const folder = process.cwd();
  if (namesModule(use)) known.set(use, await ownStage({ use, place, folder, base: folder }));
  if (!known.has(use)) {
    throw new RlevError({
      code: 'config/unknown-stage',
      message: `No verifier is called ${show(use)}.`,
      value: use,
      place,
      help: didYouMean(use, builtIn(catalogue)),
    });
  }
  const errors: RlevError[] = [];
  const [stage] = resolveStages(
    {
      source: new Located({
        data: { stages: { [name]: map } },
        values: new Map(),
        keys: new Map(),
        variables: new Map(),
        top: place,
      }),
      catalogue: known,
      base,
      folders: new Map([[place.file, folder]]),
      errors,
      notices: [],
    },
    [name],
  );
  if (!stage) throw errors.length === 1 ? errors[0]! : new RlevErrors(errors);
  if (isVerifier(stage)) return stage;
  throw new RlevError({
    code: 'config/type',
    message: `${use} is no verifier: it does not add \`correct\`.`,
    value: use,
    place,
    help: `Verifiers are ${builtIn(catalogue).join(', ')}, and maps of your own that add \`correct\`.`,
  });
}

function parsed(text: string, name: string): unknown {
  // a path may begin with what YAML takes for its own
  if (!text.trimStart().startsWith('{')) return text.trim();
  try {
    return parse(text);
  } catch (cause) {
    throw new RlevError({
      code: 'usage/arguments',
      message: `--${name} is not YAML: ${text}`,
      value: text,
      help: `Write --${name} '{ use: verify/numeric, rel: 0.01 }', with a space after each colon.`,
      cause,
    });
  }
}

/** Whether a stage is a map that judges: it adds `correct`, one row for each. */
export function isVerifier({ definition, params }: ResolvedStage): boolean {
  return (
    definition.kind === 'map' &&
    definition.adds(params).includes('correct') &&
    (definition.expands?.(params) ?? 1) === 1
  );
}

/** Names of the verifiers that need no parameter. */
function builtIn(catalogue: Catalogue): string[] {
  return [...catalogue.values()].flatMap((definition) => {
    const { data: params, success } = definition.params.safeParse({});
    const stage = { id: '', use: definition.name, definition, params, place: { file: '' } };
    return success && isVerifier(stage) ? [definition.name] : [];
  });
}
