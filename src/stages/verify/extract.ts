import { z } from 'zod';

/**
 * Where a response states its answer, apart from how an answer is compared. Every function takes time linear in the
 * length of the text and throws on none.
 */

/**
 * A response states its answer at its end; what stands further back than this many characters is not read. It bounds
 * what a verifier may cost: half a second of numbers at ten times as much.
 */
export const read = 20_000;

const places = [
  'stated',
  'boxed',
  'first-boxed',
  'hash',
  'phrase',
  'first-line',
  'last-line',
  'all',
] as const;

/** Where to look for the answer: a place, or after the last occurrence of a text. */
export type Extract = (typeof places)[number] | { readonly after: string };

export const extractParam = z
  .union([z.enum(places), z.strictObject({ after: z.string().min(1) })])
  .describe(
    'Where the answer stands: stated, after whichever marker comes last, else where the verifier looks by itself; ' +
      'boxed, first-boxed, hash, phrase, first-line, last-line: there or nowhere; all: the whole response; ' +
      '{ after: TEXT }: after the last TEXT.',
  );

/** Marks on one character beyond what any script needs, by which normalising would take quadratic time. */
const manyMarks = /(\p{M}{30})\p{M}+/gu;
const raised = /[⁰¹²³⁴-⁹⁺⁻ⁿ]+/g;

/**
 * Text in one form: Unicode NFKC, with one kind of minus sign, raised digits as `^{2}`, thin spaces between digits and
 * LaTeX's spaces taken out.
 */
export function plainText(text: string): string {
  const end = text.slice(-read);
  return (ascii.test(end) ? end : normalized(end)).replace(/\{,\}/g, ',').replace(/\\[,!;:]/g, '');
}

const ascii = /^[\0-\x7f]*$/;

function normalized(text: string): string {
  return text
    .replace(manyMarks, '$1')
    .replace(raised, (digits) => `^{${digits.normalize('NFKC')}}`)
    .replace(/(?<=\d)[\u2009\u202f](?=\d{3}(?!\d))/g, '')
    .replace(/(?<=\d)[¼-¾⅐-⅞]/g, mixed)
    .normalize('NFKC')
    .slice(-read)
    .replace(/[−–]/g, '-');
}

/** What is read of a response, made plain: its end, or its beginning where the answer is looked for there. */
export function readable(response: string, extract: Extract): string {
  const first = extract === 'first-line' || extract === 'first-boxed';
  return plainText(first ? response.slice(0, read) : response);
}

/** The fraction of `1½`, apart from its whole. */
function mixed(fraction: string): string {
  const [top, bottom] = fraction.normalize('NFKC').split('⁄');
  return `\\frac{${top}}{${bottom}}`;
}

/**
 * The places where a text states its answer; null where it is to be looked for in all of the text, empty where the
 * place that was asked for is not there.
 *
 * `stated` takes the marker that stands last: what follows the last `#` (or `####`), the contents of every
 * `\boxed{}`, what follows the last "answer is", "answer:", 答案 or 选.
 */
export function statements(text: string, extract: Extract = 'stated'): readonly string[] | null {
  if (typeof extract === 'object') return after(text, extract.after);
  switch (extract) {
    case 'stated':
      return lastStated(text);
    case 'all':
      return null;
    case 'boxed':
      return boxes(text).map((box) => box.text);
    case 'first-boxed':
      return boxes(text)
        .slice(0, 1)
        .map((box) => box.text);
    case 'hash': {
      const hash = lastHash(text);
      return hash < 0 ? [] : [text.slice(hash + 1)];
    }
    case 'phrase':
      return lastPhrase(text).texts;
    case 'first-line':
      return lines(text).slice(0, 1);
    case 'last-line':
      return lines(text).slice(-1);
  }
}

function lastStated(text: string): readonly string[] | null {
  const boxed = boxes(text);
  const hash = lastHash(text);
  const found = [
    { at: boxed.at(-1)?.at ?? -1, texts: boxed.map((box) => box.text) },
    { at: hash, texts: [text.slice(hash + 1)] },
    lastPhrase(text),
  ].filter(({ at, texts }) => at >= 0 && texts.some((t) => t.trim() !== ''));
  if (found.length === 0) return null;
  return found.reduce((last, next) => (next.at > last.at ? next : last)).texts;
}

/** The lines of a text that are not blank. */
export function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line.trim() !== '');
}

function after(text: string, marker: string): readonly string[] {
  const at = text.lastIndexOf(marker.normalize('NFKC'));
  return at < 0 ? [] : [text.slice(at + marker.length)];
}

/** Where the last `#` stands that is not LaTeX's `\#`; -1 where there is none. */
function lastHash(text: string): number {
  let at = text.lastIndexOf('#');
  while (at > 0 && text[at - 1] === '\\') at = text.lastIndexOf('#', at - 1);
  return at;
}

const phrase = /answer[*_"]{0,3}\s{0,3}(?:is\b|:|=)|答案\s{0,3}(?:是|为|:|】)|(?<!不)选(?!项)(?:择)?:?/gi;

function lastPhrase(text: string): { at: number; texts: readonly string[] } {
  let at = -1;
  let end = 0;
  for (const match of text.matchAll(phrase)) {
    at = match.index;
    end = at + match[0].length;
  }
  return { at, texts: at < 0 ? [] : [text.slice(end)] };
}

const opening = /\\f?box(?:ed)?\s{0,3}\{/g;

/** What between two boxes offers the second beside the first. */
const offer = /^[\s$,()\\]*(?:or|或者?)[\s$()\\]*$/i;

/**
 * The contents of each `\boxed{...}` whose braces close, in order; of boxes inside a box, the outer; of boxes that are
 * offered side by side, `\boxed{3} or \boxed{4}`, both as one, which is no answer to anything.
 */
function boxes(text: string): readonly { at: number; text: string }[] {
  const found: { at: number; text: string }[] = [];
  let before = 0;
  opening.lastIndex = 0;
  for (let match = opening.exec(text); match; match = opening.exec(text)) {
    const start = match.index + match[0].length;
    const end = closing(text, start);
    if (end < 0) break;
    const last = found.at(-1);
    const content = text.slice(start, end);
    const between = text.slice(before, Math.min(match.index, before + 20));
    if (last && match.index - before < 20 && offer.test(between)) last.text += ` or ${content}`;
    else found.push({ at: match.index, text: content });
    before = end + 1;
    opening.lastIndex = end;
  }
  return found;
}

/** Where the brace closes that was opened before `start`; -1 where it does not. A brace after `\` is a sign. */
function closing(text: string, start: number): number {
  let depth = 1;
  for (let at = start; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '{') depth++;
    else if (text[at] === '}' && --depth === 0) return at;
  }
  return -1;
}
