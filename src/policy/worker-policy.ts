import { Worker } from 'node:worker_threads';
import { RlevError, reasonOf } from '../core/errors.ts';
import type { Policy, Tokenizer } from '../core/services.ts';
import type { PolicyOptions } from './policy-options.ts';
import { openPolicyTokenizer } from './policy-tokenizer.ts';
import { type SharedFlag, shareSignal } from './shared-signal.ts';
import { fromWire } from './wire-error.ts';
import type { Answer, Call, CallName, Opened, PolicyCalls } from './worker-protocol.ts';

/**
 * Opens a policy in a thread of its own: an engine blocks the thread it runs in. The tokenizer stays in the calling
 * thread. A process may end while the policy is open and idle.
 *
 * @param signal ends the opening
 * @throws RlevError as `openLocalPolicy` does; `run/cancelled` when the signal fires; `engine/failed` where the thread
 *   ends by itself or an answer of it cannot be read, from every call that is under way and every later one
 */
export async function openWorkerPolicy(options: PolicyOptions, signal?: AbortSignal): Promise<Policy> {
  if (signal?.aborted) throw openingCancelled();
  const thread = new PolicyThread(options);
  const cancel = (): void => void thread.end(openingCancelled());
  signal?.addEventListener('abort', cancel, { once: true });
  try {
    const opened = await thread.opened;
    const tokenizer = await openPolicyTokenizer(options, opened.config);
    return policyOf(thread, opened, tokenizer);
  } catch (error) {
    await thread.end();
    throw error;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
}

function policyOf(thread: PolicyThread, { info }: Opened, tokenizer: Tokenizer): Policy {
  let closing: Promise<void> | undefined;
  const close = async (): Promise<void> => {
    thread.cancel();
    await thread.call('close', undefined).catch(() => undefined);
    await thread.end();
  };
  return {
    info,
    tokenizer,
    sampler: { sample: (request, signal) => thread.call('sample', request, signal) },
    scorer: { score: (request, signal) => thread.call('score', request, signal) },
    trainer: {
      train: (request, signal) => thread.call('train', request, signal),
      publish: () => thread.call('publish', undefined),
      save: (directory) => thread.call('save', directory),
      load: (directory) => thread.call('load', directory),
    },
    ...(info.critic && {
      critic: {
        values: (request, signal) => thread.call('values', request, signal),
        train: (request, signal) => thread.call('trainCritic', request, signal),
      },
    }),
    close() {
      closing ??= close();
      return closing;
    },
  };
}

type Result<N extends CallName> = ReturnType<PolicyCalls[N]>;

interface Pending {
  resolve(result: never): void;
  reject(error: RlevError): void;
  readonly cancel: SharedFlag;
}

/** Calls into the thread, each answered once. */
class PolicyThread {
  readonly opened: Promise<Opened>;
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #calls = 0;
  #ended: RlevError | undefined;

  constructor(options: PolicyOptions) {
    this.#worker = startWorker(options);
    this.opened = this.#answer(this.#calls++, shareSignal());
    this.#worker.on('message', (answer: Answer) => this.#settle(answer));
    this.#worker.on('error', (cause) => this.#fail(threadFailed(cause)));
    // an answer that cannot be read, and nobody can tell of which call: nothing would ever settle it
    this.#worker.on('messageerror', (cause) => void this.end(unreadable(cause)));
    this.#worker.on('exit', (code) => this.#fail(threadEnded(code)));
  }

  /** @throws RlevError what the thread answers, or `engine/failed` where it has ended */
  async call<N extends CallName>(
    name: N,
    argument: Parameters<PolicyCalls[N]>[0],
    signal?: AbortSignal,
  ): Promise<Awaited<Result<N>>> {
    if (this.#ended) throw this.#ended;
    const cancel = shareSignal(signal);
    const id = this.#calls++;
    try {
      // First, for it throws where the argument cannot be cloned.
      this.#worker.postMessage({ id, name, argument, flag: cancel.flag } satisfies Call);
      return await this.#answer<Awaited<Result<N>>>(id, cancel);
    } finally {
      cancel.release();
    }
  }

  /** Cancels what is under way. */
  cancel(): void {
    for (const { cancel } of this.#pending.values()) cancel.raise();
  }

  /** Ends the thread, whatever it does; what is under way fails with `why`. */
  async end(why = new RlevError({ code: 'engine/failed', message: 'The policy is closed.' })): Promise<void> {
    this.#fail(why);
    await this.#worker.terminate();
  }

  #answer<T>(id: number, cancel: SharedFlag): Promise<T> {
    this.#worker.ref();
    return new Promise((resolve, reject) => this.#pending.set(id, { resolve, reject, cancel }));
  }

  #settle(answer: Answer): void {
    const pending = this.#pending.get(answer.id);
    this.#pending.delete(answer.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if ('error' in answer) pending?.reject(fromWire(answer.error));
    else pending?.resolve(answer.result as never);
  }

  #fail(error: RlevError): void {
    this.#ended ??= error;
    for (const { reject } of this.#pending.values()) reject(this.#ended);
    this.#pending.clear();
  }
}

/**
 * Starts worker.js where these are compiled, and worker.ts under tsx where they are sources; there the environment
 * variable RLEV_WORKER may be the URL of the compiled one, which starts in a third of the time.
 */
function startWorker(options: PolicyOptions): Worker {
  if (!import.meta.url.endsWith('.ts')) {
    return new Worker(new URL('./worker.js', import.meta.url), { workerData: options });
  }
  const { RLEV_WORKER } = process.env;
  // without the flags of this process, which load tsx
  if (RLEV_WORKER) return new Worker(new URL(RLEV_WORKER), { workerData: options, execArgv: [] });
  const url = new URL('./worker.ts', import.meta.url).href;
  // Node 20 does not bring a loader that the main thread registered into its workers.
  const start = `import('tsx/esm/api').then(({ register }) => { register(); return import(${JSON.stringify(url)}); })`;
  return new Worker(start, { eval: true, workerData: options });
}

function openingCancelled(): RlevError {
  return new RlevError({ code: 'run/cancelled', message: 'The opening of the policy was cancelled.' });
}

function threadFailed(cause: unknown): RlevError {
  return new RlevError({
    code: 'engine/failed',
    message: `The policy's thread failed: ${reasonOf(cause)}`,
    cause,
  });
}

function unreadable(cause: unknown): RlevError {
  return new RlevError({
    code: 'engine/failed',
    message: `An answer of the policy's thread could not be read: ${reasonOf(cause)}`,
    help: 'It may have run out of memory: lower policy.maxRows or policy.tokenBudget.',
    cause,
  });
}

function threadEnded(code: number): RlevError {
  return new RlevError({
    code: 'engine/failed',
    message: `The policy's thread ended by itself with exit code ${code}.`,
    value: code,
    help: 'It may have run out of memory: lower policy.maxRows or policy.tokenBudget.',
  });
}
