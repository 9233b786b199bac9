/**
 * Where a response states its answer, apart from how an answer is compared. Every function takes time linear in the
 * length of the text and throws on none.
 */

/** A response states its answer at its end; what stands further back than this many characters is not read. */
const read = 100_000;

/** Text in one form: Unicode NFKC, with one kind of minus sign, and LaTeX's spaces inside numbers taken out. */
export function plainText(text: string): string {
  return text
    .slice(-read)
    .normalize('NFKC')
    .replace(/[−–]/g, '-')
    .replace(/\{,\}/g, ',')
    .replace(/\\[,!;:]/g, '');
}

const phrase = /answer\s{0,3}(?:is\b|:|=)|答案\s{0,3}(?:是|为|:|】)|选(?!项)(?:择)?:?/gi;

/**
 * The places where a text states its answer, by the marker that stands last: what follows the last `#` (or `####`),
 * the contents of every `\boxed{}`, what follows the last "answer is", "answer:", 答案 or 选. Null where there is no
 * marker, or nothing follows it.
 *
 * @param text made plain by `plainText`
 */
export function statements(text: string): readonly string[] | null {
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

/** Where the last `#` stands that is not LaTeX's `\#`; -1 where there is none. */
function lastHash(text: string): number {
  let at = text.lastIndexOf('#');
  while (at > 0 && text[at - 1] === '\\') at = text.lastIndexOf('#', at - 1);
  return at;
}

function lastPhrase(text: string): { at: number; texts: readonly string[] } {
  let at = -1;
  let end = 0;
  for (const match of text.matchAll(phrase)) {
    at = match.index;
    end = at + match[0].length;
  }
  return { at, texts: at < 0 ? [] : [text.slice(end)] };
}

const opening = '\\boxed{';

/** The contents of each `\boxed{...}` whose braces close, in order; of boxes inside a box, the outer. */
function boxes(text: string): readonly { at: number; text: string }[] {
  const found: { at: number; text: string }[] = [];
  let at = text.indexOf(opening);
  while (at >= 0) {
    const start = at + opening.length;
    let depth = 1;
    let end = start;
    for (; end < text.length && depth > 0; end++) {
      if (text[end] === '{') depth++;
      else if (text[end] === '}') depth--;
    }
    if (depth > 0) break;
    found.push({ at, text: text.slice(start, end - 1) });
    at = text.indexOf(opening, end);
  }
  return found;
}
