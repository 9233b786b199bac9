import type { Dataset, PartDefinition } from '../../core/stage.ts';
import type { Path } from '../file/located.ts';
import type { Pipeline } from '../file/resolve.ts';
import type { PlacedStage } from '../file/resolve-stage.ts';
import type { Finding } from './finding.ts';

/** A part of a stage that is chosen by a `use` of its own, such as a loss, with the parameters that it was given. */
export interface Part {
  readonly stage: PlacedStage;
  /** The stage's parameter that holds it. */
  readonly path: Path;
  readonly use: string;
  readonly definition: PartDefinition;
  /** As its schema parsed them; undefined where it refuses them. */
  readonly params: unknown;
}

/** What the data of training say; absent where lint was told not to read files, or could not. */
export interface TrainingData {
  readonly dataset: Dataset;
  /** v(x) of each question, float64; absent where the values are not to be had before a run. */
  readonly values: Float64Array | undefined;
}

/** What a rule sees. A rule never asks a stage's name: what it must know, definitions declare. */
export interface RuleContext {
  readonly pipeline: Pipeline;
  /** The estimators and other stages there are, for ways out. */
  readonly alternatives: readonly PlacedStage['definition'][];
  readonly parts: readonly Part[];
  readonly data: TrainingData | undefined;
}

export type Rule = (context: RuleContext) => readonly Finding[];
