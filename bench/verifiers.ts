/**
 * Verdicts a second of processor time, by verifier.
 *
 *     npx tsx bench/verifiers.ts
 */
import { verifyChoice } from '../src/stages/verify/choice.ts';
import { verifyExact } from '../src/stages/verify/exact.ts';
import { loadReader, verifyMath } from '../src/stages/verify/math.ts';
import { verifyNumeric } from '../src/stages/verify/numeric.ts';
import { loadUnits } from '../src/stages/verify/units.ts';

const reader = await loadReader();
const units = await loadUnits();
const working = 'Let us add 12 and 5, which is 17. '.repeat(60);
const half = ['\\frac{17\\sqrt{2}}{2}'];

measure('numeric', 100_000, (i) => verifyNumeric(`12 + 5 = 17\nso we get\n#### ${i}`, ['17']));
measure('numeric, 2,000 characters', 10_000, (i) => verifyNumeric(`${working}\nThe answer is ${i}`, ['17']));
measure('numeric, converting units', 20_000, (i) =>
  verifyNumeric(`the answer is ${i} km/h`, ['17 m/s'], {}, units),
);
measure('choice', 100_000, (i) => verifyChoice(`I think of ${i}. The answer is (B).`, ['B']));
measure('exact', 100_000, (i) => verifyExact(`The answer is Paris ${i}.`, ['Paris']));
measure('math, new answers', 3_000, (i) =>
  verifyMath(`The answer is \\frac{${i}}{\\sqrt{2}}.`, half, reader),
);
measure('math, known answers', 20_000, (i) =>
  verifyMath(`The answer is \\frac{${i % 50}}{\\sqrt{2}}.`, half, reader),
);

function measure(name: string, times: number, verify: (i: number) => unknown): void {
  for (let i = 0; i < 500; i++) verify(-i);
  const before = process.cpuUsage();
  for (let i = 0; i < times; i++) verify(i);
  const { user, system } = process.cpuUsage(before);
  const rate = Math.round((times / (user + system)) * 1e6);
  console.log(`${name.padEnd(28)}${rate.toLocaleString('en-US').padStart(10)} verdicts a second`);
}
