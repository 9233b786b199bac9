import type { Policy } from '../core/services.ts';
import type { PolicyOptions } from './policy-options.ts';
import { openWorkerPolicy } from './worker-policy.ts';

/**
 * Opens a policy: a checkpoint or random weights, on an engine, in a thread of its own.
 *
 * @throws RlevError `policy/checkpoint`, `engine/unavailable`, `usage/arguments`
 */
export function openPolicy(options: PolicyOptions): Promise<Policy> {
  return openWorkerPolicy(options);
}
