/**
 * LaTeX, or mathematics as it is typed, in one form that the parser reads, and the bounds within which it is asked to:
 * its time can grow exponentially with brackets inside brackets that do not match, so such a text is not read at all.
 */

/** Most characters of an expression, brackets inside brackets, square ones, and how often what is ambiguous. */
const longest = 300;
const deepest = 8;
const deepestSquare = 3;
const mostHalfOpen = 4;
const most: Readonly<Record<string, number>> = {
  '|': 2,
  '\\pm': 2,
  '\\mid': 1,
  '[': 6,
  '\\begin': 1,
  '\\lvert': 2,
  '\\lfloor': 2,
  '\\lceil': 2,
  relation: 4,
};
const relations = new Set(
  '= < > ≤ ≥ ≠ \\le \\leq \\leqslant \\ge \\geq \\geqslant \\lt \\gt \\ne \\neq \\in'.split(' '),
);

const greek =
  'alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi rho sigma tau ' +
  'upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega';
const functions =
  'sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh ln log lg exp max min sqrt frac binom';
const signs =
  'cdot times div le leq leqslant ge geq geqslant lt gt ne neq pm in cup cap setminus infty emptyset varnothing ' +
  'circ degree mid land lor lvert rvert lfloor rfloor lceil rceil vec overline overrightarrow bar hat prime';
const styles = 'mathbb mathrm mathbf boldsymbol text begin end quad';
const commands = new Set(`${greek} ${functions} ${signs} ${styles}`.split(' '));
const environments = /^\{(?:[pbvBV]?matrix|array)\}/;

const spelled: readonly (readonly [RegExp, string])[] = [
  [/\\(?:displaystyle|left\.|right\.|limits|mathstrut)(?![A-Za-z])|\\[()[\]]|\$/g, ' '],
  [/\\left\s*\|/g, '\\lvert '],
  [/\\right\s*\|/g, '\\rvert '],
  [/\\middle\s*\|/g, '\\mid '],
  [/\\(?:left|right|[bB]igg?[lr]?)(?![A-Za-z])/g, ''],
  [/\\[dtc]frac(?![A-Za-z])/g, '\\frac'],
  [/\\[dt]binom(?![A-Za-z])/g, '\\binom'],
  [/\\(?:textrm|textbf|textit|mathit|rm|operatorname)(?![A-Za-z])/g, '\\mathrm'],
  [/\\qquad(?![A-Za-z])|\\ |~/g, ' '],
  [/(\\\{[^{}|]{1,40})\|([^{}|]{1,80}\\\})/g, '$1\\mid $2'],
  [/\\(?:text|mathrm)\s?\{\s*(?:or|and|或|和)\s*\}/g, ', '],
  [/\*\*/g, '^'],
  [/÷/g, '/'],
  [/∅/g, '\\emptyset '],
  [/(?<![\\A-Za-z])(sin|cos|tan|cot|arcsin|arccos|arctan|ln|log|exp|pi|infty)(?![A-Za-z])/g, '\\$1 '],
  [/(?:(?<![\\A-Za-z])\\?sqrt|√)\s?\(([^()]{1,100})\)/g, '\\sqrt{$1}'],
  [/\^\s?(\([^()]{1,100}\))/g, '^{$1}'],
];

/** A text as LaTeX in the form that is read; null where it is none, or beyond the bounds. */
export function latexOf(text: string): string | null {
  const bare = text.trim().slice(0, 2 * longest);
  const latex = spelled
    .reduce((all, [form, put]) => all.replace(form, put), bare)
    .replace(/^[\s*:：]+|[\s.,;:。，；*]+$/g, '');
  const isRead = latex.length > 0 && latex.length <= longest && !isProse(latex) && !isNumbering.test(latex);
  return isRead && isBalanced(latex) ? latex : null;
}

/** (2)(3): the second and the third statement, and not six. */
const isNumbering = /^(?:\(\d\)\s*){2,}$/;

/** Words, or a script without small and capital letters: no product of letters. Nor are three letters alone. */
function isProse(latex: string): boolean {
  const outside = latex.replace(/\\(?:text|mathrm|begin|end|mathbb)\s?\{[^{}]*\}|\\[A-Za-z]+/g, ' ');
  return /[A-Za-z]{4}|\p{Lo}/u.test(outside) || /^[A-Za-z]{3}$/.test(latex);
}

const closers: Readonly<Record<string, string>> = {
  '(': ')]',
  '[': '])',
  '{': '}',
  '\\{': '\\}',
  '\\lvert': '\\rvert',
  '\\lfloor': '\\rfloor',
  '\\lceil': '\\rceil',
};
const closing = new Set([')', ']', '}', '\\}', '\\rvert', '\\rfloor', '\\rceil']);

/** Whether brackets match, few inside one another, and every command is one that is known to read in little time. */
function isBalanced(latex: string): boolean {
  const open: string[] = [];
  const count = new Map<string, number>();
  const halfOpen: number[] = [];
  for (const { 0: token, index } of latex.matchAll(/\\[A-Za-z]+|\\.|[()[\]{}|=<>≤≥≠±]/gs)) {
    const kind = relations.has(token) ? 'relation' : token === '±' ? '\\pm' : token;
    const times = (count.get(kind) ?? 0) + 1;
    if (times > (most[kind] ?? longest)) return false;
    count.set(kind, times);
    if (token === '\\begin' || token === '\\end') {
      if (!environments.test(latex.slice(index + token.length))) return false;
    }
    if (closers[token]) {
      open.push(token);
      if (open.length > deepest || open.filter((one) => one === '[').length > deepestSquare) return false;
    } else if (closing.has(token)) {
      const opener = open.pop();
      if (opener === undefined || !fits(closers[opener]!, token)) return false;
      if (closers[opener]!.length === 2 && closers[opener]![0] !== token) halfOpen.push(open.length);
    } else if (/^\\[A-Za-z]/.test(token) && !commands.has(token.slice(1))) return false;
    else if (/^\\[^A-Za-z{}\\%]/.test(token)) return false;
  }
  // Intervals stand side by side, never one inside another or inside a function.
  const isSideBySide = halfOpen.length <= mostHalfOpen && halfOpen.every((depth) => depth <= 1);
  return open.length === 0 && count.get('|') !== 1 && isSideBySide;
}

function fits(closer: string, token: string): boolean {
  return token.startsWith('\\') ? closer === token : !closer.startsWith('\\') && closer.includes(token);
}
