import { didYouMean } from '../../core/did-you-mean.ts';
import { RlevError, show } from '../../core/errors.ts';
import { namesExport } from '../../core/module-use.ts';
import { findings } from '../file/findings.ts';
import type { Located } from '../file/located.ts';
import type { PlacedStage } from '../file/resolve-stage.ts';
import type { Part } from './rule.ts';

export interface PartsOf {
  readonly parts: readonly Part[];
  readonly errors: readonly RlevError[];
  /** Ids of the stages with a part that is not there, or has wrong parameters. */
  readonly broken: ReadonlySet<string>;
}

/** The parts of a pipeline's stages, losses for one, with what is wrong with their parameters. */
export async function partsOf(stages: readonly PlacedStage[], source: Located): Promise<PartsOf> {
  const parts: Part[] = [];
  const errors: RlevError[] = [];
  const broken = new Set<string>();
  for (const stage of stages) {
    const before = errors.length;
    for (const [key, catalogueOf] of Object.entries(stage.definition.parts ?? {})) {
      const given = (stage.params as Readonly<Record<string, unknown>>)[key];
      if (given === undefined) continue;
      const { use, ...params } = given as { use: string; [key: string]: unknown };
      if (namesExport(use)) continue;
      const catalogue = await catalogueOf();
      const definition = catalogue[use];
      const path = ['stages', stage.id, key];
      if (!definition) {
        errors.push(
          new RlevError({
            code: 'config/unknown-stage',
            message: `There is no ${key} called ${show(use)}.`,
            value: use,
            place: source.placeOf([...path, 'use']),
            help: didYouMean(use, Object.keys(catalogue)),
          }),
        );
        continue;
      }
      const parsed = definition.params.safeParse(params);
      if (!parsed.success) {
        errors.push(...findings(parsed.error, source, path, definition.params));
      }
      parts.push({ stage, path: [key], use, definition, params: parsed.data });
    }
    if (errors.length > before) broken.add(stage.id);
  }
  return { parts, errors, broken };
}
