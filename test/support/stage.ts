import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { raggedFloat32, raggedInt32 } from '../../src/core/columns.ts';
import { type ErrorCode, RlevError } from '../../src/core/errors.ts';
import type {
  CriticTrainRequest,
  Policy,
  SampleRequest,
  SampleRow,
  Tokenizer,
  TrainMetrics,
  TrainRequest,
  ValueRequest,
} from '../../src/core/services.ts';

/** A policy whose answers are written down: no model, no numbers but those it is given. */
export interface ScriptedPolicy extends Policy {
  /** What it was asked, in order. */
  readonly sampled: readonly SampleRequest[];
  readonly trained: readonly TrainRequest[];
  readonly valued: readonly ValueRequest[];
  readonly criticTrained: readonly CriticTrainRequest[];
  readonly published: number;
}

export interface Script {
  /** The response to a row; by default `ok`. */
  readonly answer?: (prompt: string, row: SampleRow) => string;
  readonly contextLength?: number;
  readonly metrics?: TrainMetrics;
  readonly eosLogprobs?: boolean;
  /** Metrics of a critic, which gives token t of a response the value t; absent: there is no critic. */
  readonly critic?: TrainMetrics;
}

const stop = 1;

/** One token a character, its code; 1 ends a response; it lacks every character from U+4E00 on. */
const tokenizer: Tokenizer = {
  encode: (text) => Int32Array.from([2, ...codes(text)]),
  encodePlain: (text) => Int32Array.from(codes(text)),
  decode: (tokens) => String.fromCharCode(...tokens.filter((t) => t > 2)),
  chat: (messages) => messages.map(({ role, content }) => `<${role}>${content}`).join(''),
  stopIds: [stop],
  padId: 0,
};

function codes(text: string): number[] {
  return Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    if (code < 0x4e00) return code;
    throw new RlevError({ code: 'policy/tokenizer', message: `The vocabulary lacks ${character}.` });
  });
}

export function scriptedPolicy(script: Script = {}): ScriptedPolicy {
  const { answer = () => 'ok', contextLength = 64, metrics = { loss: 0.5 } } = script;
  const sampled: SampleRequest[] = [];
  const trained: TrainRequest[] = [];
  const valued: ValueRequest[] = [];
  const criticTrained: CriticTrainRequest[] = [];
  let published = 0;
  return {
    sampled,
    trained,
    valued,
    criticTrained,
    get published() {
      return published;
    },
    info: {
      engine: 'scripted',
      device: 'cpu',
      versions: {},
      weightsHash: '0',
      parameters: 0,
      vocabulary: 0x4e00,
      contextLength,
    },
    tokenizer,
    sampler: {
      sample: async (request) => {
        sampled.push(request);
        const texts = request.rows.map((row) => answer(tokenizer.decode(request.prompts[row.prompt]!), row));
        const tokens = texts.map((text) => [...codes(text), stop].slice(0, request.maxTokens));
        const logprobs = raggedFloat32(tokens.map((row) => row.map(() => -0.5)));
        return {
          tokens: raggedInt32(tokens),
          logprobs,
          eosLogprobs: (script.eosLogprobs ?? true) ? logprobs : null,
          stopped: Uint8Array.from(tokens, (row) => (row.at(-1) === stop ? 1 : 0)),
        };
      },
    },
    scorer: { score: async () => raggedFloat32([]) },
    trainer: {
      train: async (request) => {
        trained.push(request);
        return metrics;
      },
      publish: async () => {
        published++;
        const critic = script.critic && { critic: `critic ${published}` };
        return { version: published, hash: `weights ${published}`, ...critic };
      },
      save: async () => {},
      load: async () => {},
    },
    ...(script.critic && {
      critic: {
        values: async (request) => {
          valued.push(request);
          const { offsets, values } = request.responseTokens;
          const positions = Array.from(values, (_, t) => t - offsets.findLast((start) => start <= t)!);
          return { offsets, values: Float32Array.from(positions) };
        },
        train: async (request) => {
          criticTrained.push(request);
          return script.critic!;
        },
      },
    }),
    close: async () => {},
  };
}

/** The error that something throws or rejects with; the test fails where it does neither. */
export async function errorOf(work: () => unknown, code?: ErrorCode): Promise<RlevError> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof RlevError)) throw error;
    if (code && error.code !== code) throw error;
    return error;
  }
  return expect.fail('nothing was thrown');
}

/** A file of a temporary directory, which the returned function removes. */
export function temporaryFile(name: string, content: string | Uint8Array): { path: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'rlev-test-'));
  const path = join(directory, name);
  writeFileSync(path, content);
  return { path, remove: () => rmSync(directory, { recursive: true }) };
}
