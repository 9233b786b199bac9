import { RlevError } from '../core/errors.ts';

/**
 * Refuses an option that takes a number and was given none: what was parsed is NaN, what was typed is still to be seen.
 *
 * @throws RlevError `usage/arguments`
 */
export function refuseNoNumber(parsed: object, typed: readonly string[]): void {
  const [name] = Object.entries(parsed).find(([, value]) => Number.isNaN(value)) ?? [];
  if (name === undefined) return;
  const at = typed.findIndex((text) => text === `--${name}` || text.startsWith(`--${name}=`));
  const given = typed[at]?.split('=').slice(1).join('=') || typed[at + 1];
  throw new RlevError({
    code: 'usage/arguments',
    message: `--${name} takes a number${at === -1 || given === undefined ? '' : `, not ${given}`}.`,
    value: given,
  });
}
