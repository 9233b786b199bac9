import type { Policy } from '../core/services.ts';
import type { PolicyOptions } from './policy-options.ts';
import { openWorkerPolicy } from './worker-policy.ts';

/**
 * Opens a policy: a checkpoint or random weights, on an engine, in a thread of its own.
 *
 * @param signal ends the opening; it has no say over the policy once that is open
 * @throws RlevError `policy/checkpoint`, `engine/unavailable`, `usage/arguments`; `run/cancelled` when the signal fires
 */
export function openPolicy(options: PolicyOptions, signal?: AbortSignal): Promise<Policy> {
  return openWorkerPolicy(options, signal);
}
