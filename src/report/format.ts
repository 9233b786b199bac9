/** What stands where there is no number. */
export const absent = '-';

/** `1,234`: a number with `decimals` places and thousands apart; never `-0`. */
export function fixed(value: number, decimals = 0): string {
  const [whole, fraction] = Math.abs(value).toFixed(decimals).split('.') as [string, string | undefined];
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, ',');
  const text = fraction === undefined ? grouped : `${grouped}.${fraction}`;
  return value < 0 && /[1-9]/.test(text) ? `-${text}` : text;
}

/** `1 step`, `1,234 steps`. */
export function counted(n: number, what: string): string {
  return `${fixed(n)} ${what}${n === 1 ? '' : 's'}`;
}

/** `+1.2`, `-1.2`, `0.0`: a difference. */
export function signed(value: number, decimals = 0): string {
  const text = fixed(value, decimals);
  return value > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** `41.3%`, of a share in [0, 1]. */
export function percent(share: number, decimals = 1): string {
  return `${fixed(100 * share, decimals)}%`;
}

/** `2:05`, or `1:02:05` from an hour on: a span of time, in seconds. */
export function duration(seconds: number): string {
  const s = Math.max(0, Math.round(seconds));
  const two = (x: number) => String(x).padStart(2, '0');
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return `${minutes}:${two(s % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(s % 60)}`;
}

/** A number as a person writes it, to 3 significant digits below 1,000: `2`, `0.025`, `1,200`. */
export function plainNumber(value: number): string {
  if (Number.isInteger(value)) return fixed(value);
  if (Math.abs(value) >= 1000) return fixed(value);
  return String(Number(value.toPrecision(3)));
}

/** How many decimals give a number of this size `digits` significant digits; 0 to 6. */
export function decimalsFor(size: number, digits: number): number {
  if (!(size > 0) || !Number.isFinite(size)) return 1;
  return Math.min(6, Math.max(0, digits - 1 - Math.floor(Math.log10(size))));
}

/** A text of which only the beginning and the end are wanted, where it is longer than both. */
export function bothEnds(text: string, head: number, tail: number): string {
  return text.length > head + tail ? `${text.slice(0, head)} … ${text.slice(-tail)}` : text;
}
