import { readFileSync } from 'node:fs';
import { expect } from 'chai';

/** A case executed on the code of verl, TRL or OpenRLHF; see fixtures/reference/README.md. */
export interface Case {
  readonly id: string;
  readonly estimator: string;
  readonly scenario: string;
  readonly params: {
    readonly gamma?: number;
    readonly epsilon?: number;
    readonly norm_by_std?: boolean;
    readonly scale_rewards?: string;
    readonly no_std_norm?: boolean;
    readonly normalize_advantages?: boolean;
    readonly lam?: number;
    readonly kl_coef?: number;
    readonly f_norm?: number;
  };
  readonly rewards: readonly number[];
  readonly groups: readonly number[];
  readonly lengths: readonly number[];
  readonly expected: readonly (readonly number[])[];
  readonly expected_returns?: readonly (readonly number[])[];
  readonly values?: readonly (readonly number[])[];
  readonly reward_baselines?: readonly number[];
  /** Only in advantages_extra.json. */
  readonly token_rewards?: readonly (readonly number[])[];
  readonly mask?: readonly (readonly number[])[];
  readonly kl?: readonly (readonly number[])[];
  readonly atol?: number;
}

function read(name: string): readonly Case[] {
  const file = new URL(`../../../fixtures/reference/${name}`, import.meta.url);
  return JSON.parse(readFileSync(file, 'utf8')) as readonly Case[];
}

export const cases = read('advantages.json');
export const extraCases = read('advantages_extra.json');
export const moreCases = read('advantages_more.json');

/** The cases of an estimator that `pick` takes; never none. */
export function referenceCases(estimator: string, pick: (c: Case) => boolean = () => true): readonly Case[] {
  const found = cases.filter((c) => c.estimator === estimator && pick(c));
  expect(found, estimator).to.not.have.length(0);
  return found;
}

export const rewardsOf = (c: Case): Float64Array => Float64Array.from(c.rewards);
export const groupsOf = (c: Case): Int32Array => Int32Array.from(c.groups);

export function offsetsOf(lengths: readonly number[]): Int32Array {
  const offsets = new Int32Array(lengths.length + 1);
  lengths.forEach((length, i) => {
    offsets[i + 1] = offsets[i]! + length;
  });
  return offsets;
}

/** One advantage a row, as every token of the row has it. */
export function expectPerRow(actual: Float64Array, c: Case, tolerance: number): void {
  c.expected.forEach((tokens, i) => {
    for (const token of tokens) expectNear(actual[i]!, token, tolerance, `${c.id}, row ${i}`);
  });
}

export function expectPerToken(actual: Float64Array, c: Case, tolerance: number): void {
  c.expected.flat().forEach((token, t) => {
    expectNear(actual[t]!, token, tolerance, `${c.id}, token ${t}`);
  });
}

function expectNear(actual: number, expected: number, tolerance: number, what: string): void {
  expect(actual, what).to.be.closeTo(expected, tolerance * Math.max(1, Math.abs(expected)));
}
