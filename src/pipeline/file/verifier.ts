import { parse } from 'yaml';
import { didYouMean } from '../../core/did-you-mean.ts';
import { RlevError, RlevErrors, show } from '../../core/errors.ts';
import type { Catalogue } from '../../core/stage.ts';
import { Located } from './located.ts';
import { namesModule, ownStage } from './own-stages.ts';
import { type ResolvedStage, resolveStages } from './resolve-stage.ts';

/** A verifier as a pipeline file has it: `verify/exact`, or its `use` with parameters. */
export type VerifierSpec = string | { readonly use: string; readonly [parameter: string]: unknown };

/**
 * Reads what an option says: `verify/exact`, `./judge.js#judge` or `{ use: verify/numeric, rel: 0.01 }`.
 *
 * @param name of the option, without its hyphens
 * @param base absolute folder of the pipeline; paths of what is given are relative to the working directory
 * @throws RlevError `usage/arguments`; `config/*` with the option as place for a verifier that is not there, cannot be
 *   loaded, has other parameters or is none
 */
export async function verifierOf(
  name: string,
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
