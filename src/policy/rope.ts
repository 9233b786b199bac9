import type { PolicyConfig } from './config.ts';

/** float32 [positions, headDim] each, row-major; `sin` is negated in its first half (see `rotary`). */
export interface RopeTables {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/**
 * Rotary position tables (Su et al., "RoFormer", 2021; halves rotated against each other, as in Llama). Both tables
 * are multiplied by `scale`: attention's 1/sqrt(headDim), put into those of the queries, costs no operation.
 */
export function ropeTables(config: PolicyConfig, positions: ArrayLike<number>, scale = 1): RopeTables {
  const frequencies = ropeFrequencies(config);
  const half = frequencies.length;
  const cos = new Float32Array(positions.length * half * 2);
  const sin = new Float32Array(positions.length * half * 2);
  for (let i = 0; i < positions.length; i++) {
    for (let j = 0; j < half; j++) {
      const angle = positions[i]! * frequencies[j]!;
      const at = i * half * 2 + j;
      cos[at] = cos[at + half] = Math.cos(angle) * scale;
      sin[at + half] = Math.sin(angle) * scale;
      sin[at] = -sin[at + half]!;
    }
  }
  return { cos, sin };
}

/**
 * Radians a position, float64 [headDim / 2]: theta^(-2j/headDim), and with Llama 3.1's scaling (transformers'
 * `_compute_llama3_parameters`) divided by `factor` where the wavelength exceeds original/low, untouched where it
 * is under original/high, and interpolated between.
 */
function ropeFrequencies(config: PolicyConfig): Float64Array {
  const half = config.headDim / 2;
  const scaling = config.ropeScaling;
  return Float64Array.from({ length: half }, (_, j) => {
    const frequency = config.ropeTheta ** (-j / half);
    if (!scaling) return frequency;
    const turns = (scaling.originalContextLength * frequency) / (2 * Math.PI);
    const { factor, lowFreqFactor: low, highFreqFactor: high } = scaling;
    const kept = Math.min(1, Math.max(0, (turns - low) / (high - low)));
    return kept * frequency + ((1 - kept) * frequency) / factor;
  });
}
