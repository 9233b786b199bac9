/** The library's face: what the command line uses, and what a stage of one's own is written with. */
export { z } from 'zod';
export type {
  AnyColumns,
  ColumnData,
  ColumnName,
  ColumnSpec,
  Columns,
  KnownColumn,
  Ragged,
} from './core/columns.ts';
export {
  raggedFloat32,
  raggedInt32,
  rowLength,
  rowOf,
  spreadOverTokens,
  vocabulary,
} from './core/columns.ts';
export type { Batch } from './core/encode.ts';
export { batchOf, columnOf, columnsOf } from './core/encode.ts';
export type { ErrorCode, Place } from './core/errors.ts';
export { errorCodes, RlevError, RlevErrors } from './core/errors.ts';
export { foldIn, integer, normal, permutation, randomKey, uniform } from './core/random.ts';
export type { Policy, Sampler, Scorer, Tokenizer, Trainer } from './core/services.ts';
export type { Catalogue, Dataset, StageDefinition, StageEvent, StageSetup } from './core/stage.ts';
export { catalogueOf, defineMap, defineSelect, defineSource, defineUpdate } from './core/stage.ts';
export { version } from './core/version.ts';
export type { Address } from './log/address.ts';
export { formatAddress, parseAddress } from './log/address.ts';
export { readArrow as loadBatch } from './log/arrow-file.ts';
export type { EventLog, JournalEntry, RunHeader } from './log/event-log.ts';
export { exportFormats } from './log/export.ts';
export type { JoinOptions, RecordedCohort } from './log/join.ts';
export { cohortsAt, cohortsOf, joinedBatch } from './log/join.ts';
export { listCohorts } from './log/list.ts';
export { planPrune, pruneRun } from './log/prune.ts';
export { planRepair, repairRun } from './log/repair.ts';
export { createRun, openRun } from './log/run-directory.ts';
export { selectBatches } from './log/select-batches.ts';
export type { Verification } from './log/verify.ts';
export { verifyRun } from './log/verify.ts';
export type { StageDescription } from './pipeline/describe-stage.ts';
export { describeStage } from './pipeline/describe-stage.ts';
export type { PipelineDiff } from './pipeline/diff-pipelines.ts';
export { diffPipelines } from './pipeline/diff-pipelines.ts';
export type { DiffOptions, RunDiff } from './pipeline/diff-runs.ts';
export { diffRuns } from './pipeline/diff-runs.ts';
export type { EvaluateOptions } from './pipeline/evaluate.ts';
export { evaluate } from './pipeline/evaluate.ts';
export { explainPipeline } from './pipeline/explain.ts';
export { figuresOf } from './pipeline/figures.ts';
export { graphOf, mermaid } from './pipeline/graph.ts';
export { graphSvg } from './pipeline/graph-svg.ts';
export { pipelineJsonSchema } from './pipeline/json-schema.ts';
export type { Finding } from './pipeline/lint/finding.ts';
export { formatFinding, lintCodes } from './pipeline/lint/finding.ts';
export type { LintOptions } from './pipeline/lint/lint.ts';
export { lint } from './pipeline/lint/lint.ts';
export type { ReplayOptions, ReplayResult } from './pipeline/replay.ts';
export { replay } from './pipeline/replay.ts';
export type { LoadOptions, Pipeline } from './pipeline/resolve.ts';
export { loadPipeline, resolvePipeline } from './pipeline/resolve.ts';
export type { ResumeOptions } from './pipeline/resume.ts';
export { resume } from './pipeline/resume.ts';
export type { RunEvent, RunOptions, RunResult } from './pipeline/run.ts';
export { train } from './pipeline/run.ts';
export { writeCharacterTokenizer } from './policy/character-tokenizer.ts';
export { openPolicy } from './policy/open-policy.ts';
export type { Evaluation } from './report/evaluation.ts';
export { foldProgress, noProgress, progressLine } from './report/progress.ts';
export type { Comparison, Summary } from './report/statistics.ts';
export { compare, summarize } from './report/statistics.ts';
export { comparisonTable, summaryTable, verdict } from './report/table.ts';
export { builtInStages } from './stages/catalogue.ts';
export { createStage } from './stages/create-stage.ts';
export type { Row, RowOptions } from './stages/define-row.ts';
export { reward, value, verifier } from './stages/define-row.ts';
export { defineStage } from './stages/define-stage.ts';
