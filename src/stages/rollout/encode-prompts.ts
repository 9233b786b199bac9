import { columnOf } from '../../core/batch.ts';
import { RlevError, show } from '../../core/errors.ts';
import type { Dataset, StageSetup } from '../../core/stage.ts';
import { Findings } from '../findings.ts';
import { placeIn } from '../place-in.ts';

/**
 * Token ids of every prompt of the data, by its text.
 *
 * @param room tokens that a response may have
 * @param long what becomes of a prompt that does not fit: an error, or its last tokens that do
 * @throws RlevErrors `policy/tokenizer` for each prompt with a character that the tokenizer lacks, `policy/context`
 *   for each that does not fit with its response, with its place in the data
 */
export function encodePrompts(
  dataset: Dataset,
  setup: StageSetup,
  room: number,
  long: 'error' | 'cut-left',
): Map<string, Int32Array> {
  const { tokenizer, info } = setup.policy();
  if (room >= info.contextLength) {
    throw new RlevError({
      code: 'policy/context',
      message: `A response of maxTokens ${room} leaves no room for a prompt: the model reads ${info.contextLength} tokens.`,
      value: room,
      place: placeIn(setup, 'maxTokens'),
      help: `Set maxTokens below ${info.contextLength}.`,
    });
  }
  const findings = new Findings();
  const encoded = new Map<string, Int32Array>();
  columnOf(dataset.batch, 'prompt').forEach((prompt, row) => {
    if (encoded.has(prompt)) return;
    const tokens = atPlace(dataset, row, findings, () => tokenizer.encode(prompt));
    if (!tokens) return;
    encoded.set(prompt, tokens.slice(-(info.contextLength - room)));
    if (tokens.length + room <= info.contextLength || long === 'cut-left') return;
    findings.add(
      new RlevError({
        code: 'policy/context',
        message: `The prompt ${show(prompt, 40)} has ${tokens.length} tokens: with ${room} of response, more than the ${info.contextLength} that the model reads.`,
        value: tokens.length,
        place: dataset.place(row),
        help: 'Shorten the question, lower maxTokens, or set longPrompts: cut-left to read the end of such prompts.',
      }),
    );
  });
  findings.throwIfAny();
  return encoded;
}

/** What `encode` gives, or null and a finding at the place of the row where the tokenizer cannot. */
export function atPlace<T>(dataset: Dataset, row: number, findings: Findings, encode: () => T): T | null {
  try {
    return encode();
  } catch (error) {
    if (!(error instanceof RlevError)) throw error;
    findings.add(new RlevError({ ...error.details(), place: dataset.place(row) }));
    return null;
  }
}
