import { z } from 'zod';
import { columnOf } from '../../core/batch.ts';
import { RlevError, show } from '../../core/errors.ts';
import { type Dataset, defineMap } from '../../core/stage.ts';
import { Findings } from '../findings.ts';
import { plainText, statements } from './extract.ts';
import { judgeParts, type Verdict, verdictColumns } from './parts.ts';

/** Letters that stand together with no other Latin letter beside them. */
const letters = /(?<![A-Za-z\\])[A-H]+(?![A-Za-z])/g;
/** What may stand between the letters of one choice. */
const joints = /^(?:[\s,、;()[\]{}*$"'&+和与及]|and\b)*$/;
const doubt = /^(?:[\s,()[\]{}*$"'/|]|或|或者|or\b)+$/;

/**
 * Whether a response chooses the letters of the reference: `B`, or several that all belong to the answer, as `ACD`.
 *
 * The choice is read from what the response states (after its last `#`, in `\boxed{}`, after "answer is", 答案 or
 * 选), or where it states nothing from its first letters if it begins with them, else from its last line. `A, C`,
 * `A and C` and `AC` choose both; `B or C` chooses nothing. Where the reference has several parts, `1. B 2. C` and
 * `BC` answer them in order, and the score is the share that is right.
 *
 * @param reference letters from A to H, one entry a part
 */
export function verifyChoice(response: string, reference: readonly string[]): Verdict {
  const text = plainText(response);
  const stated = statements(text);
  const found = reference.length === 1 ? one(stated, text) : several(stated, text, reference.length);
  return judgeParts(
    found,
    reference,
    (choice) => choice,
    (choice, expected) => sorted(choice) === sorted(plainText(expected)),
  );
}

function one(stated: readonly string[] | null, text: string): readonly string[] {
  if (stated) return chosen(stated.at(-1)!);
  const lead = /^\W{0,4}[A-H]{1,8}(?![A-Za-z])/.test(text.trimStart()) ? chosen(text) : [];
  return lead.length > 0 ? lead : chosen(text.trimEnd().split('\n').at(-1)!);
}

/** The letters that a text chooses first: none where it wavers between some. */
function chosen(text: string): readonly string[] {
  const alone = /^\W{0,4}([a-h])\W{0,4}$/.exec(text.slice(0, 20).trim());
  if (alone && text.trim().length < 10) return [alone[1]!.toUpperCase()];
  let choice = '';
  let end = -1;
  for (const match of text.matchAll(letters)) {
    if (isArticle(match[0], text, match.index)) continue;
    // What stands between two letters is looked at only where it is short: no joint is long.
    const between = end < 0 ? '' : text.slice(end, Math.min(match.index, end + 30));
    if (end >= 0 && doubt.test(between) && /[/|或]|or/.test(between)) return [];
    if (end >= 0 && !joints.test(between)) break;
    choice += match[0];
    end = match.index + match[0].length;
    if (choice.length > 8) return [];
  }
  return choice === '' ? [] : [choice];
}

/** "A dog" chooses nothing. */
function isArticle(letter: string, text: string, at: number): boolean {
  return (
    letter === 'A' &&
    /^\s[a-z]/.test(text.slice(at + 1, at + 3)) &&
    !/^\s(?:and|or)\b/.test(text.slice(at + 1, at + 6))
  );
}

function several(stated: readonly string[] | null, text: string, parts: number): readonly string[] {
  if (stated && stated.length > 1) return stated.flatMap((box) => chosen(box));
  const found = ((stated?.[0] ?? text).match(letters) ?? []) as readonly string[];
  const last = found.at(-1);
  if (last !== undefined && last.length === parts && found.length < parts) return [...last];
  return found;
}

/** The letters of a choice in order, each once. */
function sorted(choice: string): string {
  return [...new Set(choice.toUpperCase().replace(/[^A-H]/g, ''))].sort().join('');
}

export const choice = defineMap({
  name: 'verify/choice',
  summary: 'Correctness of a response that chooses one or more lettered options.',
  params: z.strictObject({}),
  needs: () => ['response', 'reference'],
  adds: () => ['answer', 'correct'],
  create: () => ({
    prepare: requireLetters,
    run: ({ response, reference }) =>
      verdictColumns(response.map((text, i) => verifyChoice(text, reference[i]!))),
  }),
});

function requireLetters(dataset: Dataset): void {
  const findings = new Findings();
  columnOf(dataset.batch, 'reference').forEach((parts, row) => {
    for (const part of parts) {
      if (/^[\sA-Ha-h,、]{1,24}$/.test(plainText(part)) && sorted(part) !== '') continue;
      findings.add(
        new RlevError({
          code: 'data/value',
          message: `The reference ${show(part)} is not a choice of letters, so verify/choice can find no answer right.`,
          value: part,
          place: dataset.place(row),
          help: 'Give letters from A to H (B, or ACD where several belong to the answer), or use verify/exact.',
        }),
      );
    }
  });
  findings.throwIfAny();
}
