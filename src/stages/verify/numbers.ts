/** A number as it was written, and its exact value n / d, d above 0. */
export interface WrittenNumber {
  readonly text: string;
  readonly n: bigint;
  readonly d: bigint;
  /** Whether it was written with a percent sign, which n / d counts in. */
  readonly percent: boolean;
  /** Where it ends in the text that it stands in. */
  readonly end: number;
}

/** Longer literals are no numbers: their exact value would cost more than a verifier may spend. */
const longest = 400;

const power = String.raw`10\s?\^\s?(?:\{\s?[-+]?\d{1,3}\s?\}|[-+]?\d{1,3}(?!\d))`;
const digits = String.raw`(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+`;
const decimal = String.raw`${power}|(?:${digits})(?:[eE][-+]?\d{1,3}(?!\d)|\s?(?:\\times|\\cdot|[x×*·⋅])\s?${power})?`;
const sign = String.raw`[-+]?\s?(?:\\?[$£€¥]\s?)?`;
const frac = String.raw`(?:(\d{1,15})\s?)?\\[dtc]?frac\s?`;
const latexFraction = String.raw`${frac}(?:\{\s?(-?(?:${decimal}))\s?\}\s?\{\s?(${decimal})\s?\}|(\d)\s?(\d)(?!\d))`;
const plainFraction = String.raw`(${decimal})(?!\d|\s?\^(?!\s?\{?\s?\\circ))(?:\s?[/⁄]\s?(${decimal}))?`;
/** Not where the number is an exponent or an index, or stands for two. */
const free = String.raw`(?<!\d|[\^_]\{?|[\^_]\{?-|±\s?|\\pm\s?)`;
const anyNumber = String.raw`(?:(?<![\w)\]}.,])(${sign}))?${free}(?:${latexFraction}|${plainFraction})(\s?\\?%)?`;

const everyNumber = new RegExp(anyNumber, 'g');
const onlyNumber = new RegExp(`^${anyNumber}$`);
const firstNumber = new RegExp(`^${anyNumber}`);

/**
 * Every number that is written in a text, in order: `1,234.5`, `-3`, `.5`, `2e3`, `2 \times 10^{3}`, `$7`, `3/4`,
 * `\frac{3}{4}`, `1\frac{3}{4}` (mixed), `50%` (a half). Linear in the length of the text.
 *
 * @param text made plain by `plainText`
 */
export function numbersIn(text: string): WrittenNumber[] {
  const found: WrittenNumber[] = [];
  // `matchAll` would copy so long an expression for every text.
  everyNumber.lastIndex = 0;
  for (let match = everyNumber.exec(text); match; match = everyNumber.exec(text)) {
    const number = valueOfMatch(match);
    if (number) found.push(number);
  }
  return found;
}

/** The number that a text is, alone or between dollar signs, perhaps with a full stop; null where it is none. */
export function numberOf(text: string): WrittenNumber | null {
  const match = onlyNumber.exec(bareNumber(text));
  return match && valueOfMatch(match);
}

/** The number that a text begins with, and what follows it; null where it begins with none. */
export function leadingNumber(text: string): { number: WrittenNumber; rest: string } | null {
  const bare = bareNumber(text);
  const match = firstNumber.exec(bare);
  const number = match && valueOfMatch(match);
  return number && { number, rest: bare.slice(number.end) };
}

function bareNumber(text: string): string {
  return text
    .slice(0, 2 * longest)
    .trim()
    .replace(/^\$+|[.。]$/g, '')
    .replace(/\$+$/, '')
    .trim();
}

/** |a - b| is at most `abs`, or at most `rel` times |b|; exact where both are 0. */
export function agree(a: WrittenNumber, b: WrittenNumber, abs: number, rel: number): boolean {
  if (a.n * b.d === b.n * a.d) return true;
  // Without a tolerance the numbers differ, even where they are one in double precision.
  return near(toNumber(a), toNumber(b), abs, rel);
}

/** The same for numbers in double precision. */
export function near(a: number, b: number, abs: number, rel: number): boolean {
  const allowed = Math.max(abs, rel * Math.abs(b));
  return allowed > 0 && Math.abs(a - b) <= allowed;
}

export function toNumber({ n, d }: { n: bigint; d: bigint }): number {
  return Number(n) / Number(d);
}

function valueOfMatch(match: RegExpMatchArray): WrittenNumber | null {
  const [text, before, mixed, top, bottom, digit, under, whole, below, percent] = match;
  if (text.length > longest) return null;
  const a = decimalOf((top ?? digit ?? whole)!);
  const divisor = bottom ?? under ?? below;
  const b = divisor === undefined ? one : decimalOf(divisor);
  if (b.n === 0n) return null;
  const added = mixed === undefined ? 0n : BigInt(mixed);
  const n = a.n * b.d;
  const d = a.d * b.n;
  return {
    text: text.trim(),
    n: (before?.startsWith('-') ? -1n : 1n) * (n + added * d),
    d: d * (percent ? 100n : 1n),
    percent: percent !== undefined,
    end: match.index! + text.length,
  };
}

const one = { n: 1n, d: 1n };

/** The exact value of `-1,234.5e-3`, `1.5 \times 10^{3}` or `10^3`. */
function decimalOf(text: string): { n: bigint; d: bigint } {
  if (/^\d+$/.test(text)) return { n: BigInt(text), d: 1n };
  const written = text.replace(/[\s,{}]/g, '').replace(/^10\^/, '1e');
  const [mantissa = '', exponent = '0'] = written.split(/(?:\\times|\\cdot|[x×*·⋅])10\^|e/i);
  const [whole = '', fraction = ''] = mantissa.split('.');
  const shift = Number(exponent) - fraction.length;
  const value = BigInt(`${whole}${fraction}`);
  return shift >= 0 ? { n: value * 10n ** BigInt(shift), d: 1n } : { n: value, d: 10n ** BigInt(-shift) };
}
