/** The library's face: what the command line uses, and what a stage of one's own is written with. */
export { z } from 'zod';
export type { Batch } from './core/batch.ts';
export { batchOf, columnOf, columnsOf } from './core/batch.ts';
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
export type { ErrorCode, Place } from './core/errors.ts';
export { errorCodes, RlevError, RlevErrors } from './core/errors.ts';
export { foldIn, integer, normal, permutation, randomKey, uniform } from './core/random.ts';
export type { Critic, Policy, Sampler, Scorer, Tokenizer, Trainer } from './core/services.ts';
export type {
  Catalogue,
  Dataset,
  Remark,
  StageDefinition,
  StageEvent,
  StageSetup,
  Surroundings,
  ValueScale,
} from './core/stage.ts';
export { catalogueOf, defineMap, defineSelect, defineSource, defineUpdate } from './core/stage.ts';
export { version } from './core/version.ts';
export type { Address } from './log/address.ts';
export { formatAddress, parseAddress } from './log/address.ts';
export { readArrow as loadBatch } from './log/arrow-file.ts';
export type { EventLog, JournalEntry, RunHeader } from './log/event-log.ts';
export { exportFormats } from './log/export.ts';
export type { JoinOptions, RecordedCohort } from './log/join.ts';
export { cohortAt, cohortsOf, joinedBatch } from './log/join.ts';
export { listCohorts } from './log/list.ts';
export { planPrune, pruneRun } from './log/prune.ts';
export { planRepair, repairRun } from './log/repair.ts';
export { createRun, openRun } from './log/run-directory.ts';
export { selectBatches } from './log/select-batches.ts';
export type { Verification } from './log/verify.ts';
export { verifyRun } from './log/verify.ts';
export type { AuditOptions, AuditResult } from './pipeline/audit/audit.ts';
export { audit } from './pipeline/audit/audit.ts';
export type { Disagreement } from './pipeline/audit/judged.ts';
export type { PartEntry, StageDescription } from './pipeline/explain/describe-stage.ts';
export { describeParts, describeStage } from './pipeline/explain/describe-stage.ts';
export { explainPipeline } from './pipeline/explain/explain.ts';
export { graphOf, mermaid } from './pipeline/explain/graph.ts';
export { graphSvg } from './pipeline/explain/graph-svg.ts';
export type { FileValues, FileValuesOptions } from './pipeline/explain/values-of.ts';
export { valuesOf } from './pipeline/explain/values-of.ts';
export { pipelineJsonSchema, testJsonSchema } from './pipeline/file/json-schema.ts';
export type { LoadOptions, Pipeline } from './pipeline/file/resolve.ts';
export { loadPipeline, resolvePipeline } from './pipeline/file/resolve.ts';
export type { VerifierSpec } from './pipeline/file/verifier.ts';
export type { Finding } from './pipeline/lint/finding.ts';
export { formatFinding, lintCodes } from './pipeline/lint/finding.ts';
export type { LintOptions } from './pipeline/lint/lint.ts';
export { lint } from './pipeline/lint/lint.ts';
export type { PipelineDiff } from './pipeline/replay/diff-pipelines.ts';
export { diffPipelines } from './pipeline/replay/diff-pipelines.ts';
export type { DiffOptions, RunDiff } from './pipeline/replay/diff-runs.ts';
export { diffRuns } from './pipeline/replay/diff-runs.ts';
export type { ReplayOptions, ReplayResult } from './pipeline/replay/replay.ts';
export { replay } from './pipeline/replay/replay.ts';
export type { EvaluateOptions } from './pipeline/run/evaluate.ts';
export { evaluate } from './pipeline/run/evaluate.ts';
export { figuresOf } from './pipeline/run/figures.ts';
export type { ResumeOptions } from './pipeline/run/resume.ts';
export { resume } from './pipeline/run/resume.ts';
export type { RunEvent, RunOptions, RunResult } from './pipeline/run/run.ts';
export { train } from './pipeline/run/run.ts';
export type { RunTestsOptions, TestFailure, TestResult } from './pipeline/tests/run-tests.ts';
export { runTests } from './pipeline/tests/run-tests.ts';
export { writeCharacterTokenizer } from './policy/character-tokenizer.ts';
export { openPolicy } from './policy/open-policy.ts';
export type { AuditSummary } from './report/audit.ts';
export { summarizeAudit } from './report/audit.ts';
export { auditTable } from './report/audit-table.ts';
export type { Evaluation } from './report/evaluation.ts';
export type { Plot } from './report/plot.ts';
export { svgOf, writePlot } from './report/plot.ts';
export { foldProgress, noProgress, progressLine } from './report/progress.ts';
export type { Comparison, Summary } from './report/statistics.ts';
export { compare, summarize } from './report/statistics.ts';
export { comparisonTable, summaryTable, verdict } from './report/table.ts';
export { valuePlot } from './report/value-plot.ts';
export type { ValueReport } from './report/value-report.ts';
export { valueReport, valueReportText } from './report/value-report.ts';
export { builtInStages } from './stages/catalogue.ts';
export { createStage } from './stages/create-stage.ts';
export type { Row, RowOptions } from './stages/define-row.ts';
export { reward, value, verifier } from './stages/define-row.ts';
export { defineStage } from './stages/define-stage.ts';
export type { ScaleOptions } from './stages/reward/define-scale.ts';
export { scale } from './stages/reward/define-scale.ts';
