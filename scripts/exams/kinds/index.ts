import type { Kind } from '../kind.ts';
import { bags } from './bags.ts';
import { change } from './change.ts';
import { journey } from './journey.ts';
import { largest } from './largest.ts';
import { mean } from './mean.ts';
import { missing } from './missing.ts';
import { place } from './place.ts';
import { product } from './product.ts';
import { rounding } from './rounding.ts';
import { share } from './share.ts';
import { sum } from './sum.ts';

/** The kinds in the order of a paper: short questions first, word problems last. */
export const kinds: readonly Kind[] = [
  place,
  largest,
  rounding,
  missing,
  sum,
  product,
  mean,
  bags,
  change,
  share,
  journey,
];
