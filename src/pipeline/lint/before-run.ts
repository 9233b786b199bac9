import { type ErrorCode, errorCodes, RlevError, RlevErrors } from '../../core/errors.ts';
import type { Catalogue } from '../../core/stage.ts';
import { cancellable } from '../cancellable.ts';
import type { Pipeline } from '../file/resolve.ts';
import { type Finding, formatFinding } from './finding.ts';
import { lintPipeline } from './lint.ts';

/**
 * Lints a pipeline that is about to run.
 *
 * @param warn called with each warning, ready to print
 * @param signal ends it at once, whatever a stage that sees its data is at
 * @throws RlevErrors with every error that lint finds: its own code where it is one, else `config/lint`;
 *   RlevError `run/cancelled`
 */
export async function checkBeforeRun(
  pipeline: Pipeline,
  catalogue: Catalogue,
  warn: (warning: string) => void,
  signal?: AbortSignal,
): Promise<void> {
  const findings = await cancellable(signal, 'The check before the run', (aborting) =>
    Promise.race([lintPipeline(pipeline, { catalogue, signal: aborting }), abortOf(aborting)]),
  );
  for (const finding of findings) if (finding.severity === 'warning') warn(formatFinding(finding));
  const errors = findings.filter((finding) => finding.severity === 'error').map(errorOf);
  if (errors.length > 0) throw new RlevErrors(errors);
}

/** Never fulfilled; rejects with the signal's reason when it fires. */
function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}

function errorOf({ code, message, place, help }: Finding): RlevError {
  const known = code in errorCodes;
  return new RlevError({
    code: known ? (code as ErrorCode) : 'config/lint',
    message: known ? message : `${code}: ${message}`,
    place,
    ...(help !== undefined && { help }),
  });
}
