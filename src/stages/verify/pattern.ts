import { RE2JS } from 're2js';
import { type Place, RlevError, reasonOf, show } from '../../core/errors.ts';
import { read } from './extract.ts';

/** Steps that matching may take: characters of a text times instructions of a pattern. */
const mostSteps = 500_000;

export interface Pattern {
  /** What it finds in a text, its first group where it has one; null where it does not match. */
  find(text: string): string | null;
  /** How many characters are read of a text, its last. */
  readonly limit: number;
}

/**
 * A pattern in the syntax of RE2, which is that of JavaScript without look-around and backreferences: a match takes
 * time linear in the text, whatever the pattern. Of a text the last 20,000 characters are read, of a pattern of more
 * than 25 instructions fewer, so that the product stays the same.
 *
 * @param flags of `imsu`, as in JavaScript
 * @param whole whether it must match all of the text, rather than a part
 * @throws RlevError `config/type` where it is no such pattern
 */
export function patternOf(source: string, flags: string, whole: boolean, place?: Place): Pattern {
  const regex = compiled(source, flags, place);
  const limit = Math.min(read, Math.floor(mostSteps / regex.programSize()));
  return {
    limit,
    find(text) {
      if (whole && text.length > limit) return null;
      const matcher = regex.matcher(text.slice(-limit));
      if (!(whole ? matcher.matches() : matcher.find())) return null;
      return (regex.groupCount() > 0 ? matcher.group(1) : null) ?? matcher.group() ?? '';
    },
  };
}

function compiled(source: string, flags: string, place?: Place): RE2JS {
  let bits = 0;
  if (flags.includes('i')) bits |= RE2JS.CASE_INSENSITIVE;
  if (flags.includes('m')) bits |= RE2JS.MULTILINE;
  if (flags.includes('s')) bits |= RE2JS.DOTALL;
  try {
    return RE2JS.compile(source, bits);
  } catch (cause) {
    throw new RlevError({
      code: 'config/type',
      message: `${show(source)} is no pattern that verify/regex can take: ${reasonOf(cause)}.`,
      value: source,
      ...(place && { place }),
      help: /\(\?<?[=!]|\\[1-9k]/.test(source)
        ? 'Look-around ((?=, (?!, (?<=, (?<!) and backreferences (\\1) cannot be matched in bounded time; write it without them.'
        : 'It is in the syntax of RE2, which is that of JavaScript; a sign that stands for itself takes a backslash, as in \\{ or \\(.',
      cause,
    });
  }
}
