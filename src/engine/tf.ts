import { createRequire } from 'node:module';
import type * as Tf from '@tensorflow/tfjs';

/**
 * TensorFlow.js with its gradients registered: the one place from which this package imports it.
 *
 * Types of it come by `import type { Tensor } from '@tensorflow/tfjs'`.
 */
export const tf = createRequire(import.meta.url)('@tensorflow/tfjs') as typeof Tf;

// Production mode silences the notices that advise Node users to install another backend.
tf.enableProdMode();
