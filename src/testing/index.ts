/** What stages of one's own are tested with: `import { batch, createStage } from 'rlev/testing'`. */
export { createStage, type StageParams, stageEvent } from '../stages/create-stage.ts';
export { marbles } from '../streams/marbles.ts';
export { batch, type DefaultColumn } from './batch.ts';
export { columnAssertions } from './chai.ts';
export { type Difference, describeDifferences, differences } from './differences.ts';
export { type EstimatorProperty, type EstimatorTraits, estimatorProperties } from './estimator.ts';
export { columnFrom, type PlainCell, type PlainColumn, plainOf } from './plain.ts';
