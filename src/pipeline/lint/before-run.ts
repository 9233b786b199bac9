import { type ErrorCode, errorCodes, RlevError, RlevErrors } from '../../core/errors.ts';
import type { Catalogue } from '../../core/stage.ts';
import type { Pipeline } from '../file/resolve.ts';
import { type Finding, formatFinding } from './finding.ts';
import { lintPipeline } from './lint.ts';

/**
 * Lints a pipeline that is about to run.
 *
 * @param warn called with each warning, ready to print
 * @throws RlevErrors with every error that lint finds: its own code where it is one, else `config/lint`
 */
export async function checkBeforeRun(
  pipeline: Pipeline,
  catalogue: Catalogue,
  warn: (warning: string) => void,
): Promise<void> {
  const findings = await lintPipeline(pipeline, { catalogue });
  for (const finding of findings) if (finding.severity === 'warning') warn(formatFinding(finding));
  const errors = findings.filter((finding) => finding.severity === 'error').map(errorOf);
  if (errors.length > 0) throw new RlevErrors(errors);
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
