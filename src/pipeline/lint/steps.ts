import type { Finding } from './finding.ts';
import type { Rule } from './rule.ts';

/** What happens every so many steps, and more of them than the run has, happens at its end only. */
export const neverReached: Rule = ({ pipeline: { run, evaluate, source } }) => {
  const intervals = [
    {
      every: run.checkpoint.every,
      path: ['run', 'checkpoint', 'every'],
      what: 'checkpoint',
      when: 'at its end',
    },
    ...evaluate.map(({ id, every }) => ({
      every,
      path: ['evaluate', id, 'every'],
      what: `evaluation ${id}`,
      when: 'before its first step and at its end',
    })),
  ];
  return intervals.flatMap(({ every, path, what, when }): Finding[] => {
    if (every === undefined || every <= run.steps) return [];
    return [
      {
        severity: 'warning',
        code: 'setting/never',
        place: source.placeOf(path),
        message: `The ${what} is due every ${every} steps, and the run has ${run.steps}: there is one ${when}, and none on the way.`,
        help: `Set every: to ${Math.max(1, Math.round(run.steps / 3))} or so, or leave it out.`,
      },
    ];
  });
};
