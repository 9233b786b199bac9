import { duration, fixed, percent } from './format.ts';

/** What a run tells of itself as it goes; `at` is a clock's milliseconds, of any origin. */
export type ProgressEvent =
  /** `steps`: how many there will be in all; `done`: how many a resumed run has; `evaluations`: after which
   *  steps one is due, 0 for before the first, a step twice where two are. */
  | {
      readonly kind: 'start';
      readonly at: number;
      readonly steps: number;
      readonly done?: number;
      readonly evaluations?: readonly number[];
    }
  /** A finished step, counted from 1; `tokens`: the response tokens that it sampled. */
  | ({ readonly kind: 'step'; readonly at: number; readonly step: number } & StepFigures)
  /** An evaluation begins, or has come further. */
  | {
      readonly kind: 'evaluating';
      readonly at: number;
      readonly name: string;
      readonly done?: number;
      readonly total?: number;
    }
  | { readonly kind: 'evaluated'; readonly at: number }
  /** Time passes. */
  | { readonly kind: 'tick'; readonly at: number }
  | { readonly kind: 'finish'; readonly at: number };

export interface StepFigures {
  /** Mean reward of the cohort. */
  readonly reward?: number;
  /** H-Acc of the cohort, in [0, 1]; null where all its values are 0. */
  readonly hAccuracy?: number | null;
  readonly tokens?: number;
  readonly loss?: number;
  readonly kl?: number;
  /** Rounds of sampling, where there was more than one. */
  readonly rounds?: number;
}

/** All that a progress line shows: a fold over events, with times in milliseconds. */
export interface ProgressState {
  readonly steps: number;
  readonly step: number;
  readonly startedAt: number;
  readonly at: number;
  readonly finished: boolean;
  readonly figures: StepFigures;
  /** The latest steps, newest last, each with what it took. */
  readonly recent: readonly { readonly ms: number; readonly tokens: number | undefined }[];
  /** When the step under way began; evaluations are not part of it. */
  readonly stepStartedAt: number;
  readonly evaluation: {
    readonly name: string;
    readonly startedAt: number;
    readonly done?: number;
    readonly total?: number;
  } | null;
  readonly evaluations: readonly number[];
  /** How long each evaluation took that has ended. */
  readonly evaluationMs: readonly number[];
  /** How many have ended since the latest step. */
  readonly evaluatedHere: number;
}

/** How many of the latest steps tell the pace. */
const paceSteps = 10;

/** The state before any event. */
export const noProgress: ProgressState = {
  steps: 0,
  step: 0,
  startedAt: 0,
  at: 0,
  finished: false,
  figures: {},
  recent: [],
  stepStartedAt: 0,
  evaluation: null,
  evaluations: [],
  evaluationMs: [],
  evaluatedHere: 0,
};

/** The state after one more event. Pure. */
export function foldProgress(state: ProgressState, event: ProgressEvent): ProgressState {
  const { at } = event;
  switch (event.kind) {
    case 'start':
      return {
        ...noProgress,
        steps: event.steps,
        step: event.done ?? 0,
        evaluations: event.evaluations ?? [],
        startedAt: at,
        stepStartedAt: at,
        at,
      };
    case 'step': {
      const { kind: _, at: __, step, ...figures } = event;
      const taken = { ms: at - state.stepStartedAt, tokens: figures.tokens };
      const recent = [...state.recent, taken].slice(-paceSteps);
      return { ...state, at, step, figures, recent, stepStartedAt: at, evaluatedHere: 0 };
    }
    case 'evaluating': {
      const startedAt = state.evaluation?.name === event.name ? state.evaluation.startedAt : at;
      const { name, done, total } = event;
      const counts = { ...(done !== undefined && { done }), ...(total !== undefined && { total }) };
      return { ...state, at, evaluation: { name, startedAt, ...counts } };
    }
    case 'evaluated': {
      if (!state.evaluation) return { ...state, at };
      const took = at - state.evaluation.startedAt;
      return {
        ...state,
        at,
        evaluation: null,
        evaluationMs: [...state.evaluationMs, took],
        evaluatedHere: state.evaluatedHere + 1,
        stepStartedAt: state.stepStartedAt + took,
      };
    }
    case 'tick':
      return { ...state, at };
    case 'finish':
      return { ...state, at, finished: true, evaluation: null };
  }
}

/**
 * Seconds until the run ends, or null before anything tells. The steps to come take the median of the latest ten,
 * so that one slow step (a compilation, another program) hardly counts; the evaluations to come take the mean of
 * those that have ended.
 */
export function secondsLeft(state: ProgressState): number | null {
  if (state.finished) return 0;
  const stepMs = median(state.recent.map(({ ms }) => ms));
  const toGo = state.steps - state.step;
  if (stepMs === null && toGo > 0) return null;
  const inStep = state.evaluation ? 0 : state.at - state.stepStartedAt;
  const stepsMs = toGo > 0 ? toGo * stepMs! - Math.min(inStep, stepMs!) : 0;

  const ended = state.evaluationMs;
  const evaluationMs = ended.reduce((total, ms) => total + ms, 0) / Math.max(1, ended.length);
  const here = state.evaluations.filter((step) => step === state.step).length - state.evaluatedHere;
  const later = state.evaluations.filter((step) => step > state.step).length;
  const ahead = Math.max(here, state.evaluation ? 1 : 0) + later;
  const inEvaluation = state.evaluation ? state.at - state.evaluation.startedAt : 0;
  return (stepsMs + ahead * evaluationMs - Math.min(inEvaluation, evaluationMs)) / 1000;
}

/** Response tokens a second over the latest steps, evaluations apart; null where no step says its tokens. */
export function tokensPerSecond(state: ProgressState): number | null {
  const counted = state.recent.filter(({ tokens }) => tokens !== undefined);
  const ms = counted.reduce((total, step) => total + step.ms, 0);
  return ms > 0 ? (1000 * counted.reduce((total, step) => total + step.tokens!, 0)) / ms : null;
}

/**
 * One line: `step 12/60  reward 0.61  H-Acc 41%  1,234 tok/s  1:05 left`. Never longer than `columns`: what
 * matters least is left out first. Without `columns` it is a line of a log.
 */
export function progressLine(state: ProgressState, columns = Infinity): string {
  let pieces = piecesOf(state);
  while (pieces.length > 1 && join(pieces).length > columns) {
    const least = Math.max(...pieces.map(({ rank }) => rank));
    pieces = pieces.filter(({ rank }) => rank !== least);
  }
  const line = join(pieces);
  return line.length > columns ? line.slice(0, Math.max(0, columns)) : line;
}

interface Piece {
  readonly text: string;
  /** 0 stays longest. */
  readonly rank: number;
}

function piecesOf(state: ProgressState): Piece[] {
  const { figures, evaluation } = state;
  const width = String(state.steps).length;
  const pieces: Piece[] = [{ rank: 0, text: `step ${String(state.step).padStart(width)}/${state.steps}` }];
  const add = (rank: number, text: string | null) => text !== null && pieces.push({ rank, text });
  if (evaluation) {
    const { done, total } = evaluation;
    const count = done === undefined ? '' : ` ${fixed(done)}${total === undefined ? '' : `/${fixed(total)}`}`;
    add(1, `evaluating ${evaluation.name}${count}`);
  } else {
    const { reward, hAccuracy, loss, kl, rounds } = figures;
    add(3, number('reward', reward, 2));
    if (hAccuracy !== undefined) add(2, `H-Acc ${hAccuracy === null ? '-' : percent(hAccuracy, 0)}`);
    add(5, number('loss', loss, 3));
    add(6, number('KL', kl, 4));
    if (rounds !== undefined) add(4, `${rounds} rounds`);
    const rate = tokensPerSecond(state);
    add(4, rate === null ? null : `${fixed(rate)} tok/s`);
  }
  if (state.finished) add(1, `${duration((state.at - state.startedAt) / 1000)} in all`);
  else {
    const left = secondsLeft(state);
    add(1, left === null ? null : `${duration(left)} left`);
  }
  return pieces;
}

function number(name: string, value: number | undefined, decimals: number): string | null {
  if (value === undefined) return null;
  return `${name} ${Number.isFinite(value) ? fixed(value, decimals) : String(value)}`;
}

function join(pieces: readonly Piece[]): string {
  return pieces.map(({ text }) => text).join('  ');
}

function median(values: readonly number[]): number | null {
  if (values.length === 0) return null;
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
