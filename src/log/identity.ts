import { createHash } from 'node:crypto';
import { contentHash } from '../core/encode.ts';
import { RlevError, show } from '../core/errors.ts';
import type { EventDraft } from './event-log.ts';

/**
 * What an event is, wherever and whenever it was recorded:
 *
 *     sha256(canonicalJson(["rlev event 1", scope, step, round, kind, use, params, sorted parents, content, data]))
 *
 * `content` is the content hash of the columns or null, `data` null where absent. The id of the stage, the part of a
 * round, the order of the journal and Arrow's layout do not enter.
 *
 * @throws RlevError `stage/contract` where params or data hold what JSON cannot say.
 */
export function identityOf(draft: EventDraft): string {
  const { scope, step, round } = draft.key;
  const content = draft.columns ? contentHash(draft.columns, draft.specs) : null;
  const parents = [...draft.parents].sort();
  const said = [scope, step, round, draft.kind, draft.use, draft.params ?? null, parents, content];
  return sha256(canonicalJson(['rlev event 1', ...said, draft.data ?? null]));
}

/**
 * JSON with keys in order of their UTF-16 code units, no spaces, numbers and strings as JSON.stringify writes them
 * (RFC 8785). A field that is undefined is left out.
 *
 * @throws RlevError `stage/contract` for NaN, an infinity, or what is neither JSON nor plain.
 */
export function canonicalJson(value: unknown, path = '$'): string {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return JSON.stringify(value);
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((x, i) => canonicalJson(x, `${path}[${i}]`)).join(',')}]`;
  if (typeof value === 'object' && [Object.prototype, null].includes(Object.getPrototypeOf(value))) {
    const fields = Object.entries(value).filter(([, v]) => v !== undefined);
    fields.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v, `${path}.${k}`)}`).join(',')}}`;
  }
  throw new RlevError({
    code: 'stage/contract',
    message: `${path} is ${typeof value === 'object' ? value!.constructor.name : show(value)}, which JSON cannot say.`,
    value,
    help: 'Record finite numbers, strings, true, false, null, and plain lists and objects of these.',
  });
}

export function sha256(...parts: (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
