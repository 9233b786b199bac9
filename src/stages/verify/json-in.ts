/** Deeper JSON is not read: a schema that refers to itself is followed as deep as its data. */
const deepest = 64;
/** Brackets of a response from which JSON is tried to be read. */
const mostTries = 64;

/**
 * The last JSON value that a response holds: all of it, else of its last fenced block that is one, else the last
 * object or list that stands among its words. Undefined where there is none.
 */
export function jsonIn(text: string): unknown {
  const all = parsed(text.trim());
  if (all !== undefined) return all;
  const fenced = [...text.matchAll(/```[A-Za-z0-9]*[ \t]*\n?([\s\S]*?)```/g)].map(([, block]) =>
    block!.trim(),
  );
  for (const block of fenced.reverse()) {
    const value = parsed(block);
    if (value !== undefined) return value;
  }
  return lastAmong(text);
}

function lastAmong(text: string): unknown {
  let last: unknown;
  let tries = 0;
  for (let at = next(text, 0); at >= 0 && tries < mostTries; tries++) {
    const end = closing(text, at);
    const value = end < 0 ? undefined : parsed(text.slice(at, end));
    if (value !== undefined) last = value;
    at = next(text, value === undefined ? at + 1 : end);
  }
  return last;
}

function next(text: string, from: number): number {
  const found = /[{[]/.exec(text.slice(from));
  return found ? from + found.index : -1;
}

/** Where the bracket at `start` closes, and what follows begins; -1 where it does not. */
function closing(text: string, start: number): number {
  let depth = 0;
  let quoted = false;
  for (let at = start; at < text.length; at++) {
    const character = text[at]!;
    if (character === '\\' && quoted) at++;
    else if (character === '"') quoted = !quoted;
    else if (quoted) continue;
    else if (character === '{' || character === '[') depth++;
    else if ((character === '}' || character === ']') && --depth === 0) return at + 1;
  }
  return -1;
}

function parsed(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return isShallow(value, deepest) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isShallow(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((inner) => isShallow(inner, depth - 1));
}
