/**
 * The vocabulary of columns: every name that may travel between stages, its type and its meaning. A stage names
 * columns from here; the wiring checks them. A user's own columns are `data.<field>` and keep the type they were
 * read with.
 */

/** One row of lists: row i is `values[offsets[i]] .. values[offsets[i + 1]]`. */
export interface Ragged<V extends Int32Array | Float32Array = Int32Array | Float32Array> {
  /** int32 [rows + 1], from 0, never falling. */
  readonly offsets: Int32Array;
  readonly values: V;
  /** uint8 [rows], 0 where the row is null; absent where none is. Only for a nullable column. */
  readonly valid?: Uint8Array;
}

/** What a stage holds of a column in each kind. */
export interface KindData {
  utf8: readonly string[];
  bool: Uint8Array;
  int32: Int32Array;
  float32: Float32Array;
  float64: Float64Array;
  'list<int32>': Ragged<Int32Array>;
  'list<float32>': Ragged<Float32Array>;
  'list<utf8>': readonly (readonly string[])[];
}

/** The same for a nullable column. Lists of numbers carry `valid` instead. */
export interface NullableKindData {
  utf8: readonly (string | null)[];
  bool: readonly (boolean | null)[];
  int32: readonly (number | null)[];
  float32: readonly (number | null)[];
  float64: readonly (number | null)[];
  'list<int32>': Ragged<Int32Array>;
  'list<float32>': Ragged<Float32Array>;
  'list<utf8>': readonly (readonly string[] | null)[];
}

export type Kind = keyof KindData;

export interface ColumnSpec<K extends Kind = Kind, N extends boolean = boolean> {
  readonly kind: K;
  readonly nullable: N;
  readonly doc: string;
}

/** The specs of columns that are not in the vocabulary: a user's `data.*`. */
export type Specs = { readonly [name: string]: ColumnSpec };

const column = <K extends Kind>(kind: K, doc: string): ColumnSpec<K, false> => ({
  kind,
  nullable: false,
  doc,
});
const nullable = <K extends Kind>(kind: K, doc: string): ColumnSpec<K, true> => ({
  kind,
  nullable: true,
  doc,
});

export const vocabulary = {
  row_id: column('utf8', '`step.round.group.sample`; never changed, never reused'),
  prompt_id: column('utf8', 'id of the question, unique in its data'),
  exam: column('utf8', 'the paper the question stands in'),
  prompt: column('utf8', 'the text that the policy reads'),
  reference: column('list<utf8>', 'ground truth: each entry is the answer to one part of the question'),
  solution: nullable('utf8', 'a worked answer, for supervised training'),
  points: column('float64', 'human-given score of the question'),
  exam_total: column('float64', "the paper's full marks"),
  group: column('int32', 'which prompt of the cohort, from 0'),
  sample: column('int32', 'which response to the prompt, from 0'),
  role: column('utf8', '`sample`, or `greedy` for a baseline rollout'),
  prompt_tokens: column('list<int32>', 'token ids of the prompt'),
  response_tokens: column('list<int32>', 'token ids of the response, with EOS where it was emitted'),
  response: column('utf8', 'the response decoded, without special tokens'),
  temperature: column('float32', 'the temperature that sampled; the trainer divides its logits by it'),
  sampled_logprobs: column(
    'list<float32>',
    'log-softmax of logits/T over the whole vocabulary at each token',
  ),
  eos_logprobs: nullable(
    'list<float32>',
    'the same for stopping, over all stop ids, at each response position',
  ),
  finish: column('utf8', '`stop` or `length`'),
  policy_version: column('int32', 'number of policies published before the one that sampled'),
  answer: nullable('utf8', 'the answer that the verifier found in the response; null where it found none'),
  correct: column('float32', "the verifier's score in [0, 1]"),
  value: column('float64', 'v(x) >= 0: how much the question is worth'),
  scale: column('float64', 's(x) = 1 + min(alpha * v, 1)'),
  reward: column('float64', 'r(x, y) = s(x) * correct, before shaping'),
  old_logprobs: column('list<float32>', "log-probabilities under the trainer's policy before its update"),
  ref_logprobs: column('list<float32>', 'log-probabilities under the reference policy'),
  values: column('list<float32>', "the critic's value of the state in which each response token is chosen"),
  returns: column('list<float32>', 'the return at each response token'),
  token_rewards: column('list<float32>', 'reward at each response token, KL and shaping included'),
  baseline_reward: column('float64', "reward of the greedy response to the row's prompt"),
  loss_mask: column('list<float32>', '1 where a response token counts in the loss, else 0'),
  advantage: column('list<float32>', 'advantage at each response token'),
} as const satisfies Record<string, ColumnSpec>;

export type KnownColumn = keyof typeof vocabulary;
export type UserColumn = `data.${string}`;
export type ColumnName = KnownColumn | UserColumn;

type SpecData<S> =
  S extends ColumnSpec<infer K, infer N> ? (N extends true ? NullableKindData[K] : KindData[K]) : never;

/** What any column can hold. */
export type AnyColumnData = KindData[Kind] | NullableKindData[Kind];

/** The typed data of one column: `Float64Array` for `reward`, ragged float32 for `advantage`. */
export type ColumnData<N extends ColumnName> = N extends KnownColumn
  ? SpecData<(typeof vocabulary)[N]>
  : AnyColumnData;

/** The typed data of several columns, all of the same number of rows. */
export type Columns<N extends ColumnName = ColumnName> = { readonly [K in N]: ColumnData<K> };

/** Any set of columns, where the names are known only when the program runs. */
export type AnyColumns = { readonly [name: string]: AnyColumnData };

/** Number of rows of a column's data. */
export function rowsOf(data: AnyColumnData): number {
  return isRagged(data) ? data.offsets.length - 1 : data.length;
}

export function isRagged(data: AnyColumnData): data is Ragged<Int32Array> | Ragged<Float32Array> {
  return typeof data === 'object' && 'offsets' in data;
}

/** Row i of a ragged column, as a view. */
export function rowOf<V extends Int32Array | Float32Array>(data: Ragged<V>, i: number): V {
  return data.values.subarray(data.offsets[i], data.offsets[i + 1]) as V;
}

/** Length of row i of a ragged column. */
export function rowLength(data: Ragged, i: number): number {
  return data.offsets[i + 1]! - data.offsets[i]!;
}

/** A ragged float32 column from one array a row. */
export function raggedFloat32(rows: readonly ArrayLike<number>[]): Ragged<Float32Array> {
  return ragged(rows, (n) => new Float32Array(n));
}

/** A ragged int32 column from one array a row. */
export function raggedInt32(rows: readonly ArrayLike<number>[]): Ragged<Int32Array> {
  return ragged(rows, (n) => new Int32Array(n));
}

/** A ragged float32 column of the shape of `like`, each token of row i holding `perRow[i]`. */
export function spreadOverTokens(perRow: ArrayLike<number>, like: Ragged): Ragged<Float32Array> {
  const values = new Float32Array(like.values.length);
  for (let i = 0; i < perRow.length; i++) values.fill(perRow[i]!, like.offsets[i], like.offsets[i + 1]);
  return { offsets: like.offsets, values };
}

function ragged<V extends Int32Array | Float32Array>(
  rows: readonly ArrayLike<number>[],
  make: (length: number) => V,
): Ragged<V> {
  const offsets = new Int32Array(rows.length + 1);
  for (let i = 0; i < rows.length; i++) offsets[i + 1] = offsets[i]! + rows[i]!.length;
  const values = make(offsets[rows.length]!);
  for (let i = 0; i < rows.length; i++) values.set(rows[i]!, offsets[i]);
  return { offsets, values };
}
