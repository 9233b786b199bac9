import { value } from '../../../src/stages/define-row.ts';

/** The number of digits of a question's points. */
export const digits = value((row) => String(row.points).length);
