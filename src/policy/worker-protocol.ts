import type { Critic, PolicyInfo, Sampler, Scorer, Trainer } from '../core/services.ts';
import type { PolicyConfig } from './config.ts';
import type { WireError } from './wire-error.ts';

/** What of a policy lives in another thread: all but the tokenizer. */
export interface PolicyServices {
  readonly info: PolicyInfo;
  readonly config: PolicyConfig;
  readonly sampler: Sampler;
  readonly scorer: Scorer;
  readonly trainer: Trainer;
  readonly critic?: Critic;
  close(): Promise<void>;
}

/** What can be asked of the thread, by name. Each takes one argument and may take a signal. */
export interface PolicyCalls {
  sample: Sampler['sample'];
  score: Scorer['score'];
  train: Trainer['train'];
  publish(argument: undefined): ReturnType<Trainer['publish']>;
  save: Trainer['save'];
  load: Trainer['load'];
  /** Only of a policy that has a critic. */
  values: Critic['values'];
  trainCritic: Critic['train'];
  close(argument: undefined): Promise<void>;
}

export type CallName = keyof PolicyCalls;

export interface Call {
  readonly id: number;
  readonly name: CallName;
  readonly argument: unknown;
  /** Raised where the caller cancels; see shared-signal. */
  readonly flag: Int32Array;
}

/** The thread's first message answers call 0, that it was started with: what it opened. */
export type Answer =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly error: WireError };

export interface Opened {
  readonly info: PolicyInfo;
  readonly config: PolicyConfig;
}

export function callsOf(services: PolicyServices): PolicyCalls {
  const { sampler, scorer, trainer, critic } = services;
  return {
    sample: (request, signal) => sampler.sample(request, signal),
    score: (request, signal) => scorer.score(request, signal),
    train: (request, signal) => trainer.train(request, signal),
    publish: () => trainer.publish(),
    save: (directory) => trainer.save(directory),
    load: (directory) => trainer.load(directory),
    values: (request, signal) => critic!.values(request, signal),
    trainCritic: (request, signal) => critic!.train(request, signal),
    close: () => services.close(),
  };
}
