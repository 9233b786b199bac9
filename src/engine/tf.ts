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

// tfjs has this gradient for one comparison, >=, only: without the others nothing that is chosen by comparing
// could be trained through.
for (const kernelName of ['Greater', 'Less', 'LessEqual', 'Equal', 'NotEqual', 'LogicalAnd', 'LogicalOr']) {
  tf.registerGradient({
    kernelName,
    inputsToSave: ['a', 'b'],
    gradFunc: (_, saved) => {
      const [a, b] = saved.map((tensor) => () => tf.zeros(tensor.shape));
      return { a: a!, b: b! };
    },
  });
}
tf.registerGradient({
  kernelName: 'LogicalNot',
  inputsToSave: ['x'],
  gradFunc: (_, [x]) => ({ x: () => tf.zeros(x!.shape) }),
});

/**
 * Does something with another tfjs backend, which the calling thread's backend replaces again afterwards, and
 * leaves no tensor behind, not even where it throws.
 */
export function onBackend<T>(name: string, action: () => T): T {
  const before = tf.backend() && tf.getBackend();
  const variables = new Set(Object.keys(tf.engine().registeredVariables));
  // A backend that loads without waiting is set before this call returns, though it returns a promise.
  void tf.setBackend(name);
  try {
    return action();
  } catch (error) {
    // Tensors kept for a backward pass that will not come.
    for (const node of tf.engine().state.activeTape ?? [])
      for (const tensor of savedBy(node)) tensor.dispose();
    throw error;
  } finally {
    for (const [id, variable] of Object.entries(tf.engine().registeredVariables))
      if (!variables.has(id)) variable.dispose();
    void tf.setBackend(before);
  }
}

function savedBy(node: object): readonly Tf.Tensor[] {
  return 'saved' in node ? (node.saved as readonly Tf.Tensor[]) : [];
}
