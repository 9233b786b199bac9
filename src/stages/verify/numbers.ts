/** A number as it was written, and its exact value n / d, d above 0. */
export interface WrittenNumber {
  readonly text: string;
  readonly n: bigint;
  readonly d: bigint;
}

/** Longer literals are no numbers: their exact value would cost more than a verifier may spend. */
const longest = 400;

const decimal = String.raw`(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?:[eE][-+]?\d{1,3}(?!\d))?|\.\d+`;
const sign = String.raw`[-+]?\s?(?:\\?[$£€¥]\s?)?`;
const latexFraction = String.raw`\\[dt]?frac\s?\{\s?(-?(?:${decimal}))\s?\}\s?\{\s?(${decimal})\s?\}`;
const plainFraction = String.raw`(${decimal})(?:\s?[/⁄]\s?(${decimal}))?`;
const anyNumber = `(?:(?<![\\w)\\]}.,])(${sign}))?(?:${latexFraction}|${plainFraction})(\\s?\\\\?%)?`;

const everyNumber = new RegExp(anyNumber, 'g');
const onlyNumber = new RegExp(`^${anyNumber}$`);

/**
 * Every number that is written in a text, in order: `1,234.5`, `-3`, `.5`, `2e3`, `$7`, `3/4`, `\frac{3}{4}`, `50%`
 * (a half). Linear in the length of the text.
 *
 * @param text made plain by `plainText`
 */
export function numbersIn(text: string): WrittenNumber[] {
  const found: WrittenNumber[] = [];
  for (const match of text.matchAll(everyNumber)) {
    const number = valueOfMatch(match);
    if (number) found.push(number);
  }
  return found;
}

/** The number that a text is, alone or between dollar signs, perhaps with a full stop; null where it is none. */
export function numberOf(text: string): WrittenNumber | null {
  const bare = text
    .trim()
    .replace(/^\$+|[.。]$/g, '')
    .replace(/\$+$/, '')
    .trim();
  const match = onlyNumber.exec(bare);
  return match && valueOfMatch(match);
}

/** |a - b| is at most `abs`, or at most `rel` times |b|; exact where both are 0. */
export function agree(a: WrittenNumber, b: WrittenNumber, abs: number, rel: number): boolean {
  if (a.n * b.d === b.n * a.d) return true;
  // Without a tolerance the numbers differ, even where they are one in double precision.
  const allowed = Math.max(abs, rel * Math.abs(toNumber(b)));
  return allowed > 0 && Math.abs(toNumber(a) - toNumber(b)) <= allowed;
}

function valueOfMatch(match: RegExpMatchArray): WrittenNumber | null {
  const [text, before, top, bottom, whole, under, percent] = match;
  if (text.length > longest) return null;
  const a = decimalOf((top ?? whole)!);
  const b = decimalOf(bottom ?? under ?? '1');
  if (b.n === 0n) return null;
  const negative = before?.startsWith('-') ? -1n : 1n;
  return { text: text.trim(), n: negative * a.n * b.d, d: a.d * b.n * (percent ? 100n : 1n) };
}

/** The exact value of `-1,234.5e-3`. */
function decimalOf(text: string): { n: bigint; d: bigint } {
  const [mantissa = '', power = '0'] = text.replaceAll(',', '').split(/[eE]/);
  const [whole = '', fraction = ''] = mantissa.split('.');
  const exponent = Number(power) - fraction.length;
  const digits = BigInt(`${whole}${fraction}`);
  return exponent >= 0
    ? { n: digits * 10n ** BigInt(exponent), d: 1n }
    : { n: digits, d: 10n ** BigInt(-exponent) };
}

function toNumber({ n, d }: WrittenNumber): number {
  return Number(n) / Number(d);
}
