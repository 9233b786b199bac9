import { type ErrorCode, formatPlace, type Place, type RlevError, RlevErrors } from '../../core/errors.ts';

/**
 * What lint finds beyond errors: a pipeline that would run, and not do what its author means. Each has an entry in
 * docs/lint.md.
 */
export const lintCodes = {
  'value/cancelled': 'The advantage divides by what value has scaled, and the values cancel.',
  'value/uniform': 'Every question has the same scale, so value changes nothing.',
  'value/flat': 'The scale hardly rises over the data, so value changes next to nothing.',
  'value/saturated': 'Most questions stand at the top of the scale, where values are no longer told apart.',
  'group/single': 'Responses are compared within a group, and a group holds one.',
  'sampling/greedy': 'The most likely token every time while training: the policy tries nothing new.',
  'sampling/truncated': 'Top-k or top-p while training: the update does not know what was cut off.',
  'greedy/not-dropped': 'Greedy responses, there for a baseline, are taken for samples.',
  'greedy/missing': 'A baseline of greedy responses, and none are sampled.',
  'columns/unread': 'A stage whose columns no later stage reads.',
  'update/no-ratio': 'The loss takes responses of an older policy as if the present one had written them.',
  'critic/unused': 'There is a critic that no stage asks for values.',
  'critic/untrained': 'Values are asked of a critic that no update trains.',
  'setting/no-effect': 'A setting that changes nothing here.',
  'setting/never': 'Something is to happen later than the run ends, or a response does.',
  'setting/doubtful': 'A setting that does something else than it seems to.',
  'evaluate/as-training': 'An evaluation samples as training does.',
  'evaluate/selects': 'An evaluation drops questions by their verdicts.',
  'evaluate/training-data': 'An evaluation asks the questions that are trained on.',
} as const;

export type LintCode = keyof typeof lintCodes | ErrorCode;
export type Severity = 'error' | 'warning' | 'info';

export interface Finding {
  readonly severity: Severity;
  readonly code: LintCode;
  readonly place: Place;
  /** What is wrong and why, in a sentence or two. */
  readonly message: string;
  /** The ways out. */
  readonly help: string | undefined;
}

/** Errors as findings, at their places or else at `place`. */
export function errorFindings(error: RlevError, place: Place): Finding[] {
  const errors = error instanceof RlevErrors ? error.errors : [error];
  return errors.map((e) => ({
    severity: 'error',
    code: e.code,
    place: toLine(e.place ?? place),
    message: e.summary,
    help: e.help,
  }));
}

/** What is said of a file as a whole stands at its beginning, so that every finding has a line to go to. */
function toLine(place: Place): Place {
  if (place.file.startsWith('--')) return place;
  return { line: 1, column: 1, ...place };
}

/** Findings by file, line and column, each once; files in order of appearance. */
export function sorted(findings: readonly Finding[]): Finding[] {
  const files = [...new Set(findings.map((f) => f.place.file))];
  const seen = new Set<string>();
  return findings
    .filter((f) => {
      const text = formatFinding(f);
      return !seen.has(text) && seen.add(text);
    })
    .toSorted(
      ({ place: a }, { place: b }) =>
        files.indexOf(a.file) - files.indexOf(b.file) ||
        (a.line ?? 0) - (b.line ?? 0) ||
        (a.column ?? 0) - (b.column ?? 0),
    );
}

/** `file:line:col severity code message`, and the ways out indented below. */
export function formatFinding({ severity, code, place, message, help }: Finding): string {
  const line = `${formatPlace(place)} ${severity} ${code} ${message}`;
  return help ? `${line}\n  ${help}` : line;
}
