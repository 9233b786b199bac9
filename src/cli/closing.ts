import { columnsOf } from '../pipeline/file/flow.ts';
import type { Pipeline } from '../pipeline/file/resolve.ts';
import type { PlacedStage } from '../pipeline/file/resolve-stage.ts';
import type { RunResult } from '../pipeline/run/run.ts';
import { type Comparison, compare, type Summary, summarize } from '../report/statistics.ts';
import { comparisonTable, summaryTable } from '../report/table.ts';
import { builtInStages } from '../stages/catalogue.ts';

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
    const other = estimator && otherThan(estimator, pipeline);
    lines.push(
      `next, grade it on questions of your own${other ? ', or train with another estimator' : ''}:`,
      `  npx rlev eval --policy ${result.checkpoint} --data QUESTIONS.jsonl`,
    );
    if (other) lines.push(`  npx rlev train ${pipeline.file} --set stages.${estimator.id}.use=${other}`);
  }
  return [...tables, ...lines].join('\n');
}

/** Another estimator that gives all columns of this one which some stage reads; a critic's `returns` not all give. */
function otherThan(estimator: PlacedStage, { stages }: Pipeline): string | undefined {
  const read = new Set(stages.flatMap((stage) => columnsOf(stage).needs));
  const given = columnsOf(estimator).adds.filter((name) => read.has(name));
  return ['advantage/rloo', 'advantage/reinforce++'].find((use) => {
    const definition = builtInStages.get(use);
    const adds: readonly string[] =
      definition?.kind === 'map' ? definition.adds(definition.params.parse({})) : [];
    return use !== estimator.use && given.every((name) => adds.includes(name));
  });
}
