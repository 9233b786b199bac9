import type { Pipeline } from '../pipeline/file/resolve.ts';
import type { RunResult } from '../pipeline/run/run.ts';
import { type Comparison, compare, type Summary, summarize } from '../report/statistics.ts';
import { comparisonTable, summaryTable } from '../report/table.ts';

/** First and last evaluation of each branch. */
function endsOf(
  result: RunResult,
): { branch: string; first: RunResult['evaluations'][0]; last: RunResult['evaluations'][0] }[] {
  const branches = [...new Set(result.evaluations.map((e) => e.branch))];
  return branches.map((branch) => {
    const own = result.evaluations.filter((e) => e.branch === branch);
    return { branch, first: own[0]!, last: own.at(-1)! };
  });
}

interface JsonResult {
  readonly run: string | undefined;
  readonly steps: number;
  readonly checkpoint: string | undefined;
  readonly evaluations: readonly ({ readonly branch: string; readonly step: number } & Summary)[];
  readonly comparisons: readonly ({ readonly branch: string } & Pick<Comparison, 'n' | 'difference'>)[];
}

/** What --json prints of a run. */
export function summaryOf(result: RunResult): JsonResult {
  return {
    run: result.directory,
    steps: result.steps,
    checkpoint: result.checkpoint,
    evaluations: result.evaluations.map(({ branch, step, evaluation }) => ({
      branch,
      step,
      ...summarize(evaluation),
    })),
    comparisons: endsOf(result)
      .filter(({ first, last }) => first !== last)
      .map(({ branch, first, last }) => {
        const { n, difference } = compare(first.evaluation, last.evaluation);
        return { branch, n, difference };
      }),
  };
}

/** What is said at the end of a run: tables of its evaluations, where it is, and what to do next. */
export function closing(pipeline: Pipeline, result: RunResult): string {
  const tables = endsOf(result).map(({ branch, first, last }) =>
    first === last
      ? `\n${branch}\n${summaryTable(summarize(last.evaluation))}`
      : `\n${branch}, ${first.step === 0 ? 'before training' : `after ${first.step} steps`} and after ${last.step}${first.step === 0 ? ' steps' : ''}\n${comparisonTable(compare(first.evaluation, last.evaluation))}`,
  );
  const lines = ['', `recorded in ${result.directory}`];
  if (result.checkpoint) {
    lines.push(`trained policy: ${result.checkpoint} (a Hugging Face directory)`);
    const estimator = pipeline.stages.find(({ definition: d }) => d.kind === 'map' && d.dividesBy);
    const other = estimator?.use === 'advantage/rloo' ? 'advantage/reinforce++' : 'advantage/rloo';
    lines.push(
      `next, grade it on questions of your own${estimator ? ', or train with another estimator' : ''}:`,
      `  npx rlev eval --policy ${result.checkpoint} --data QUESTIONS.jsonl`,
    );
    if (estimator) lines.push(`  npx rlev train ${pipeline.file} --set stages.${estimator.id}.use=${other}`);
  }
  return [...tables, ...lines].join('\n');
}
