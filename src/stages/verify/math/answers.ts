import { lines } from '../extract.ts';

/** A line that states an answer, and the mathematics of it. */
export interface Answer {
  readonly line: string;
  readonly math: string;
}

/** The answers that a response gives, as many as there are parts where it can be split so. */
export function answersOf(text: string, stated: readonly string[] | null, parts: number): readonly Answer[] {
  const found = stated
    ? stated.length === 1
      ? [lines(stated[0]!)[0] ?? '']
      : stated
    : [lines(text).at(-1) ?? ''];
  const all = parts > 1 && found.length === 1 ? split(found[0]!, parts) : found;
  return all.map((line) => ({ line: joined(line), math: mathOf(line) })).filter(({ math }) => math !== '');
}

const separators = [';', ',、', ' '];

/** The parts of a text, at separators that stand in no bracket: those that give as many, the strongest first. */
function split(text: string, parts: number): readonly string[] {
  for (const separator of separators) {
    const found: string[] = [''];
    let depth = 0;
    for (const character of text) {
      if ('([{'.includes(character)) depth++;
      else if (')]}'.includes(character)) depth--;
      if (depth <= 0 && separator.includes(character)) found.push('');
      else found[found.length - 1] += character;
    }
    const some = found.filter((part) => part.trim() !== '');
    if (some.length === parts) return some;
  }
  return [text];
}

const segment = /\$\$?([^$]+)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]/g;
const joint = /^[\s,、;]*(?:and|or|和|或者?|与|及)?[\s,]*$/i;
const joining = /\\text\s?\{\s*(?:or|and|或|和)\s*\}|(?<![A-Za-z\\])(?:and|or)(?![A-Za-z])|或者?|和|与|及/gi;
const names = 'sin|cos|tan|cot|sec|csc|log|exp|arc(?:sin|cos|tan)|sqrt|infty|and';
const small = 'is|so|as|if|by|in|it|we|of|at|to|for';
const prose = new RegExp(
  String.raw`(?<![\\{A-Za-z])(?!(?:${names})(?![A-Za-z]))[A-Za-z]{3,}|\s(?:${small})\s|[.。]\s|[,，]\s?(?:因为|since|because)`,
  'i',
);

/** The mathematics of a line, without the words around it. */
function mathOf(line: string): string {
  const bounded = line.slice(0, 2000).replace(/\\\$/g, '');
  const found = [...bounded.matchAll(segment)];
  const first = found[0];
  if (first && !/[^\s\p{P}\p{L}]/u.test(bounded.slice(0, first.index))) {
    const texts = [inside(first)];
    let end = first.index + first[0].length;
    for (const next of found.slice(1)) {
      if (!joint.test(bounded.slice(end, next.index))) break;
      texts.push(inside(next));
      end = next.index + next[0].length;
    }
    return joined(texts.join(', '));
  }
  const bare = bounded
    .replace(/^[\s*:：=]+/, '')
    .replace(/^\(\d\)[.、:]?\s+(?=\S)/, '')
    .replace(/\$/g, '')
    .replace(/(?<=\d)\s?(?:degrees?\b|度)/g, '^\\circ ');
  const words = prose.exec(bare);
  const math = words && words.index > 0 ? bare.slice(0, words.index) : bare;
  return joined(math);
}

/** A text with commas for the words that join answers. */
export function joined(text: string): string {
  return trimmed(text.replace(/\\\$/g, '').replace(joining, ','));
}

function inside([, dollars, round, square]: RegExpMatchArray): string {
  return (dollars ?? round ?? square)!;
}

function trimmed(text: string): string {
  return text.replace(/^[\s*:：]+|[\s*.。,，;；]+$/g, '');
}
