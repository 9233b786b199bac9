import { z } from 'zod';
import { columnOf } from '../../core/batch.ts';
import { RlevError, show } from '../../core/errors.ts';
import { type Dataset, defineMap } from '../../core/stage.ts';
import { Findings } from '../findings.ts';
import { lines, plainText } from './extract.ts';
import {
  type Answering,
  answering,
  answeringParams,
  judge,
  partsOf,
  type Verdict,
  verdictColumns,
} from './parts.ts';

/** Letters that stand together with no other Latin letter beside them. */
const letters = /(?<![A-Za-z\\])[A-H]+(?![A-Za-z])/g;
/** What may stand between the letters of one choice. */
const joints = /^(?:[\s,、;()[\]{}*$"'&+和与及]|and\b)*$/;
/** What between two letters says that the response does not choose. */
const doubt = /[/|或]|\b(?:or|maybe|perhaps|possibly|might|could|either)\b|可能|也许/i;
/** What before a letter says that it is not chosen. */
const refused =
  /(?:\bnot|n't|cannot be|不是|不选|并非|除了?|except|between)[\s*_($"']{0,4}(?:option\s|选项)?$/i;
/** What behind a letter says that it is not chosen. */
const rejected =
  /^[\s*_)\]."'$}]{0,4}(?:项|选项)?(?:(?:is|are|was)\s(?:not|wrong|incorrect|false)\b|isn't|aren't|不对|不正确|错)/i;

/**
 * Whether a response chooses the letters of the reference: `B`, or several that all belong to the answer, as `ACD`.
 *
 * The choice is read from what the response states (after its last `#`, in `\boxed{}`, after "answer is", 答案 or
 * 选), or where it states nothing from its first letters if it begins with them, else from its last line. `A, C`,
 * `A and C` and `AC` choose both; `B or C`, `B/C` and `B, maybe C` choose nothing, nor do `not B` and `B is wrong`.
 * Where the reference has several parts, `1. B 2. C` and `BC` answer them in order, and the score is the share that is right.
 *
 * @param reference letters from A to H, one entry a part
 */
export function verifyChoice(
  response: string,
  reference: readonly string[],
  options: Partial<Answering> = {},
): Verdict {
  return judge(
    response,
    reference,
    { ...answering, ...options },
    {
      find: (text, stated, { length }) => (length === 1 ? one(stated, text) : several(stated, text, length)),
      text: (choice) => choice,
      right: (choice, expected) => sorted(choice) === sorted(plainText(expected)),
    },
  );
}

function one(stated: readonly string[] | null, text: string): readonly string[] {
  if (stated) return chosen(stated.at(-1) ?? '');
  const lead = /^\W{0,4}[A-H]{1,8}(?![A-Za-z])/.test(text.trimStart()) ? chosen(text) : [];
  return lead.length > 0 ? lead : chosen(lines(text).at(-1) ?? '');
}

/** The letters that a text chooses first: none where it wavers between some. */
function chosen(text: string): readonly string[] {
  const small = /^\W{0,4}([a-h])(?:[).:](?:\s|$)|\W{0,4}$)/.exec(text.slice(0, 20).trim());
  if (small && (text.trim().length < 10 || /[).:]/.test(small[0]))) return [small[1]!.toUpperCase()];
  const runs = runsOf(text);
  for (const [i, run] of runs.entries()) {
    if (refused.test(text.slice(Math.max(0, run.start - 20), run.start))) continue;
    if (rejected.test(text.slice(run.end, run.end + 30))) continue;
    const next = runs[i + 1];
    if (next && wavers(text.slice(run.end, Math.min(next.start, run.end + 30)), next.start - run.end))
      return [];
    return run.letters.length > 8 ? [] : [run.letters];
  }
  return [];
}

/** Letters that are chosen together, or not at all. */
interface Run {
  letters: string;
  readonly start: number;
  end: number;
}

/** Most runs of letters that are looked at. */
const mostRuns = 20;

function runsOf(text: string): readonly Run[] {
  const runs: Run[] = [];
  for (const { 0: found, index } of text.matchAll(letters)) {
    if (isArticle(found, text, index)) continue;
    const end = index + found.length;
    const last = runs.at(-1);
    if (last && isJoint(text.slice(last.end, Math.min(index, last.end + 30)))) {
      last.letters += found;
      last.end = end;
    } else if (runs.length === mostRuns) break;
    else runs.push({ letters: found, start: index, end });
  }
  return runs;
}

function isJoint(between: string): boolean {
  return between.length < 30 && joints.test(between) && !/\n\s*\n/.test(between);
}

/** Whether what stands between two letters, so many characters, offers the second beside the first. */
function wavers(between: string, length: number): boolean {
  return length < 30 && doubt.test(between) && !/[.。;\n]|because|since|因为|由于/i.test(between);
}

/** "A dog" chooses nothing. */
function isArticle(letter: string, text: string, at: number): boolean {
  return (
    letter === 'A' &&
    /^\s[a-z]/.test(text.slice(at + 1, at + 3)) &&
    !/^\s(?:and|or|is|because|since)\b/.test(text.slice(at + 1, at + 10))
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
  formula: 'correct = share of the parts with the same set of letters',
  example: 'verify: { use: verify/choice }',
  params: z.strictObject(answeringParams),
  needs: () => ['response', 'reference'],
  adds: () => ['answer', 'correct'],
  create: (params) => ({
    prepare: (dataset) => requireLetters(dataset, params),
    run: ({ response, reference }) =>
      verdictColumns(response.map((text, i) => verifyChoice(text, reference[i]!, params))),
  }),
});

function requireLetters(dataset: Dataset, how: Answering): void {
  const findings = new Findings();
  columnOf(dataset.batch, 'reference').forEach((parts, row) => {
    for (const part of partsOf(parts, how).flat()) {
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
