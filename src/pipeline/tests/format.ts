import { formatPlace } from '../../core/errors.ts';
import type { TestFailure, TestResult } from './run-tests.ts';

/** A test's result: one line, and below it what failed, with its place and a diff. */
export function formatTest({ name, failures }: TestResult, limit = 10): string {
  if (failures.length === 0) return `  ok    ${name}`;
  const shown = failures.slice(0, limit).flatMap(formatFailure);
  const more = failures.length > limit ? [`        and ${failures.length - limit} more`] : [];
  return [`  FAIL  ${name}`, ...shown, ...more].join('\n');
}

/** `4 tests: 3 passed, 1 failed`. */
export function formatCount(results: readonly TestResult[]): string {
  const failed = results.filter(({ failures }) => failures.length > 0).length;
  const n = results.length;
  return `${n} test${n === 1 ? '' : 's'}: ${n - failed} passed, ${failed} failed`;
}

function formatFailure({ place, what, expected, actual }: TestFailure): string[] {
  const diff = [
    ...(expected === undefined ? [] : [`- expected  ${expected}`]),
    ...(actual === undefined ? [] : [`+ actual    ${actual}`]),
  ];
  return [
    `        ${formatPlace(place)}: ${what.replaceAll('\n', '\n        ')}`,
    ...diff.map((line) => `          ${line.replaceAll('\n', '\n                      ')}`),
  ];
}
