import type { z } from 'zod';
import type { Batch } from './batch.ts';
import type { ColumnName, Columns, Specs } from './columns.ts';
import type { Place } from './errors.ts';
import type { Policy, SamplingOptions } from './services.ts';

/**
 * The contract of a stage. Four kinds, so that nobody can alter what is not theirs: a source makes rows, a map adds
 * columns, a select names the rows that go on, an update changes the policy. A definition is data that the checker
 * and the catalogue read; `create` makes the stage that runs.
 */

/** `train`, or `eval:` and the id of a branch under `evaluate:`. */
export type Scope = 'train' | `eval:${string}`;

/** Which cohort a stage works on, and under what. */
export interface StageEvent {
  readonly step: number;
  /** Which refill of the step, from 0. */
  readonly round: number;
  readonly scope: Scope;
  readonly seed: number;
  /** The published policy version that this cohort is sampled by. */
  readonly policyVersion: number;
  readonly signal: AbortSignal;
}

/** All questions of a source, read before the first step. */
export interface Dataset {
  readonly batch: Batch;
  /** sha256 of what it was read from. */
  readonly hash: string;
  /** Where row i stands in its file, for errors. */
  place(row: number): Place;
}

/** What a stage is made with. */
export interface StageSetup {
  /** Where the stage stands in the pipeline file. */
  readonly place: Place;
  /** Where one of its parameters stands, `['loss', 'clip']`: the value, or its key; undefined for one that is not given. */
  placeOf?(parameter: readonly (string | number)[], of?: 'value' | 'key'): Place | undefined;
  readonly seed: number;
  /** Total steps of the run: what a schedule ends at. */
  readonly steps: number;
  /** Cohorts under way at once, by default 1: with more, other updates come between a stage and that of its cohort. */
  readonly inFlight?: number;
  /** The policy of the pipeline. @throws RlevError `config/missing` where the pipeline has none */
  policy(): Policy;
  /** A path of the pipeline file as an absolute path. */
  resolve(path: string): string;
  /** Says something to the user that is no error. */
  notice(message: string): void;
}

interface Lifecycle {
  /** Called once, before anything is written, with the source's whole data: for what needs more than a cohort. */
  prepare?(dataset: Dataset): void | Promise<void>;
  /** State is only what `save` writes and `load` reads. */
  save?(directory: string): Promise<void>;
  load?(directory: string): Promise<void>;
  /** Called once, always. */
  close?(): void | Promise<void>;
}

export interface SourceStage<A extends ColumnName = ColumnName> extends Lifecycle {
  dataset(): Promise<Dataset>;
  /** The rows of a step: a function of the event, never of what was drawn before. */
  next(event: StageEvent): Columns<A> | Promise<Columns<A>>;
  /** Specs of the `data.*` columns that it adds. */
  readonly specs?: Specs;
}

export interface MapStage<N extends ColumnName = ColumnName, A extends ColumnName = ColumnName>
  extends Lifecycle {
  /** Gets the columns it needs, returns those it adds or replaces: same rows, same order. */
  run(columns: Columns<N>, event: StageEvent): Columns<A> | Promise<Columns<A>>;
  readonly specs?: Specs;
}

export interface Selection {
  /** row_ids that go on, in order. */
  readonly keep: readonly string[];
  /**
   * Asks for another round of the step: the stages from the source up to this one work on other prompts, and this one
   * selects again, from what it kept and what the round brought.
   */
  readonly again?: boolean;
}

export interface SelectStage<N extends ColumnName = ColumnName> extends Lifecycle {
  run(columns: Columns<N>, event: StageEvent): Selection | Promise<Selection>;
}

export interface UpdateResult {
  readonly metrics: Readonly<Record<string, number>>;
  /** The policy version that it published, and the hash of its weights. */
  readonly version: number;
  readonly hash: string;
  /** The hash of the critic that it published with it. */
  readonly critic?: string;
}

export interface UpdateStage<N extends ColumnName = ColumnName> extends Lifecycle {
  run(columns: Columns<N>, event: StageEvent): Promise<UpdateResult>;
}

interface Described<P> {
  /** `advantage/rloo`: what `use:` says. */
  readonly name: string;
  /** What it does, in one sentence. */
  readonly summary: string;
  /** What it computes, in a line: `A_i = R_i - mean of the others`. Every estimator, value and reward has one. */
  readonly formula?: string;
  /** Where that is from, paper or program: `Ahmadian et al., "Back to basics", arXiv 2402.14740`. */
  readonly source?: string;
  /** How it stands under `stages:`, in YAML, where required parameters with guessed values would not do. */
  readonly example?: string;
  /** A strict object schema: parameters as in the pipeline file, with defaults and descriptions. */
  readonly params: z.ZodType<P>;
  /** For `lint`: parameters that are valid, and here do nothing, or something else than they seem to. */
  remarks?(params: P, around: Surroundings): readonly Remark[];
  /** Parameters that name one of several things by a `use` of its own, such as a loss: what there is, by its name. */
  readonly parts?: Readonly<Record<string, () => Promise<Readonly<Record<string, PartDefinition>>>>>;
}

/** What `lint` knows around the parameters that it asks about. */
export interface Surroundings {
  readonly steps: number;
  readonly inFlight: number;
  /** How responses are sampled to train on; absent where none are. */
  readonly sampling?: (SamplingOptions & { readonly samples: number }) | undefined;
  /** Prompts of a round of a step; absent where the source does not say. */
  readonly prompts?: number | undefined;
  /** Questions of the training data; absent where they were not read. */
  readonly questions?: number | undefined;
}

export interface Remark {
  /** It changes nothing; it would act later than it can; it does something else than it seems to. */
  readonly code: 'setting/no-effect' | 'setting/never' | 'setting/doubtful';
  /** `['loss', 'clip']`, or `[]` for the stage as a whole. A remark on a parameter that is not given is not shown. */
  readonly parameter: readonly string[];
  /** One sentence: what, and why. */
  readonly message: string;
  /** The ways out. */
  readonly help: string;
}

/** What the checker must know of a part, such as a loss. */
export interface PartDefinition {
  readonly doc: string;
  /** As of a stage. */
  readonly formula?: string;
  readonly source?: string;
  readonly params: z.ZodType;
  /** Inputs that it reads: `advantage`, and `oldLogprobs` where it weighs by the ratio to the policy that sampled. */
  readonly needs: readonly string[];
  /** Parameters that act only where that ratio is not 1. */
  readonly ofRatio?: readonly string[];
  /** As of a stage. */
  remarks?(params: unknown, around: Surroundings): readonly Remark[];
}

export interface SourceDefinition<P = unknown, A extends ColumnName = ColumnName> extends Described<P> {
  readonly kind: 'source';
  adds(params: P): readonly A[];
  /** Prompts of a round of a step, or all that the data have. */
  prompts?(params: P): number | 'all';
  create(params: P, setup: StageSetup): SourceStage<A> | Promise<SourceStage<A>>;
}

/** s(x) as a function of v(x), for what asks before a run: `rlev lint`, `rlev values`. */
export interface ValueScale {
  /** In v: `1 + min(10 v, 1)`. */
  readonly formula: string;
  /** s of a value, which is 0 or more. */
  of(value: number): number;
  /** The s that all values have from some point on, where it is known that they do: it tells them apart no longer. */
  readonly ceiling?: number;
  /** Parameters with which it would tell all values up to this one apart: `{ alpha: 2.5 }`. */
  fitting?(largest: number): Readonly<Record<string, number>> | undefined;
}

export interface MapDefinition<
  P = unknown,
  N extends ColumnName = ColumnName,
  A extends ColumnName = ColumnName,
> extends Described<P> {
  readonly kind: 'map';
  needs(params: P): readonly N[];
  adds(params: P): readonly A[];
  /** Columns among those it returns that are there already and that it may change. */
  replaces?(params: P): readonly A[];
  /** How many rows it makes of each: row i becomes rows i*n .. i*n+n-1. */
  expands?(params: P): number;
  /** Which statistic of the rewards an estimator divides by: what cancels s(x), or a uniform scale. */
  dividesBy?(params: P): 'nothing' | 'group-std' | 'group-mean' | 'batch-std';
  /** Where it scales the reward by value: how. */
  scalesReward?(params: P): ValueScale | undefined;
  /**
   * Whether its columns follow from those it needs and its parameters, at no cost to speak of: a lean recording leaves
   * them out.
   */
  readonly derived?: boolean;
  /** Weights that it reads as they are at the step, which a replay must bring back: of policy, reference or critic. */
  readsWeights?(params: P): 'policy' | 'reference' | 'critic' | undefined;
  /** Whether it reads the responses of the role `greedy`, one of each group. */
  readsGreedy?(params: P): boolean;
  /** Where it samples from the policy: how, and how many responses to a prompt, a greedy one for a baseline not counted. */
  sampling?(params: P): SamplingOptions & { readonly samples: number };
  create(params: P, setup: StageSetup): MapStage<N, A> | Promise<MapStage<N, A>>;
}

export interface SelectDefinition<P = unknown, N extends ColumnName = ColumnName> extends Described<P> {
  readonly kind: 'select';
  needs(params: P): readonly N[];
  /** Most rounds of a step that it asks for, the first one counted; by default 1. One stage of a flow may ask for more. */
  rounds?(params: P): number;
  create(params: P, setup: StageSetup): SelectStage<N> | Promise<SelectStage<N>>;
}

export interface UpdateDefinition<P = unknown, N extends ColumnName = ColumnName> extends Described<P> {
  readonly kind: 'update';
  needs(params: P): readonly N[];
  /** Whether it trains the critic, which stages before it may read. */
  trainsCritic?(params: P): boolean;
  /** Whether the reference moves: by default it stays the starting policy. */
  movesReference?(params: P): boolean;
  /** Gradient updates of the policy on each cohort. */
  updates?(params: P): number;
  /** Terms of the loss that no scale of the rewards reaches: `kl`, `entropy`. */
  unscaledTerms?(params: P): readonly string[];
  create(params: P, setup: StageSetup): UpdateStage<N> | Promise<UpdateStage<N>>;
}

export type StageDefinition = SourceDefinition | MapDefinition | SelectDefinition | UpdateDefinition;
export type StageKind = StageDefinition['kind'];

/** A stage as far as its definition and parameters say what it does. */
type Declared = { readonly definition: StageDefinition; readonly params: unknown };

/** Most rounds of a step that a stage asks for, the first one counted. */
export function mostRounds({ definition, params }: Declared): number {
  return definition.kind === 'select' ? (definition.rounds?.(params) ?? 1) : 1;
}

/** Whether the policy changes under stages: whether they train. */
export function changePolicy(stages: readonly Pick<Declared, 'definition'>[]): boolean {
  return stages.some(({ definition }) => definition.kind === 'update');
}

/** Stages by name: passed around, never a global that modules write into. */
export type Catalogue = ReadonlyMap<string, StageDefinition>;

/** A definition of whatever parameters and columns, as `defineMap` and its like make it. */
export type AnyDefinition = Described<unknown> & { readonly kind: StageKind };

/** A catalogue of definitions, in the order given. */
export function catalogueOf(definitions: readonly AnyDefinition[]): Catalogue {
  return new Map(definitions.map((d) => [d.name, d as StageDefinition]));
}

/** Typed identity: infers a map stage's parameters and columns from its fields. */
export function defineMap<P, const N extends ColumnName, const A extends ColumnName>(
  definition: Omit<MapDefinition<P, N, A>, 'kind'>,
): MapDefinition<P, N, A> {
  return { kind: 'map', ...definition };
}

export function defineSource<P, const A extends ColumnName>(
  definition: Omit<SourceDefinition<P, A>, 'kind'>,
): SourceDefinition<P, A> {
  return { kind: 'source', ...definition };
}

export function defineSelect<P, const N extends ColumnName>(
  definition: Omit<SelectDefinition<P, N>, 'kind'>,
): SelectDefinition<P, N> {
  return { kind: 'select', ...definition };
}

export function defineUpdate<P, const N extends ColumnName>(
  definition: Omit<UpdateDefinition<P, N>, 'kind'>,
): UpdateDefinition<P, N> {
  return { kind: 'update', ...definition };
}
