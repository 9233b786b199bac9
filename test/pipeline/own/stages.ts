import {
  type ColumnSpec,
  defineMap,
  defineStage,
  raggedFloat32,
  raggedInt32,
  reward,
  value,
  verifier,
  z,
} from '../../../src/index.ts';

/** Stages as a user writes them, good and bad, in a module beside a pipeline. */

export const sameText = verifier((row) => (row.response.trim() === row.reference[0] ? 1 : 0));

export const severity = value((row) => Number(row['data.severity']), { needs: ['data.severity'] });

export const lengthBonus = reward(
  (row, { bonus }) => row.correct * row.value + bonus / (1 + row.response.length),
  {
    summary: 'Reward of a response: its value, and a bonus for brevity.',
    params: z.strictObject({
      bonus: z.number().min(0).default(0.5).describe('What an empty response gains.'),
    }),
  },
);

/** A stand-in for a policy: every response is the reference. */
export const echo = defineMap({
  name: 'own/echo',
  summary: 'Responses that are right.',
  params: z.strictObject({}),
  needs: () => ['reference'],
  adds: () => ['response', 'response_tokens'],
  create: () => ({
    run: ({ reference }) => ({
      response: reference.map((parts) => parts[0]!),
      response_tokens: raggedInt32(reference.map(() => [1])),
    }),
  }),
});

const words: ColumnSpec = { kind: 'int32', nullable: false, doc: 'words of the response' };

/** Adds a column that is not in the vocabulary. */
export const countWords = defineStage({
  kind: 'map',
  name: 'own/count-words',
  summary: 'Number of words of a response.',
  params: z.strictObject({}),
  needs: () => ['response'],
  adds: () => ['data.words'],
  create: () => ({
    specs: { 'data.words': words },
    run: ({ response }) => ({
      'data.words': Int32Array.from(response, (text) => text.split(/\s+/).filter(Boolean).length),
    }),
  }),
});

const bad = {
  summary: 'Breaks its contract.',
  params: z.strictObject({}),
  needs: () => ['response'] as const,
  adds: () => ['reward'] as const,
};

export const undeclared = defineMap({
  ...bad,
  name: 'own/undeclared',
  create: () => ({
    run: ({ response }) => ({ reward: new Float64Array(response.length), scale: Float64Array.of(1) }),
  }),
});

export const short = defineMap({
  ...bad,
  name: 'own/short',
  create: () => ({ run: () => ({ reward: Float64Array.of(1) }) }),
});

export const wrongType = defineMap({
  ...bad,
  name: 'own/wrong-type',
  create: () => ({ run: () => ({ reward: raggedFloat32([[1], [2]]) as never }) }),
});

export const throwsText = defineMap({
  ...bad,
  name: 'own/throws-text',
  create: () => ({
    run: () => {
      throw 'out of luck';
    },
  }),
});

export const throwsAtCreation = defineMap({
  ...bad,
  name: 'own/throws-at-creation',
  create: () => {
    throw { reason: 'no key' };
  },
});

export const notANumber = reward((row) => row.correct / 0);

export const loose = { ...lengthBonus, params: z.object({}) };

export const limit = 3;

export const misnamed = defineMap({
  ...bad,
  name: 'own/misnamed',
  adds: () => ['rewrad' as 'reward'],
  create: () => ({ run: () => ({ reward: new Float64Array(0) }) }),
});

export const unsure = defineMap({
  ...bad,
  name: 'own/unsure',
  needs: () => {
    throw new TypeError('no idea.');
  },
  create: () => ({ run: () => ({ reward: new Float64Array(0) }) }),
});

export const idle = defineMap({ ...bad, name: 'own/idle', create: () => ({}) as never });

export const untyped = defineMap({
  ...bad,
  name: 'own/untyped',
  create: () => ({ run: ({ response }) => ({ reward: response.map(() => 1) as never }) }),
});

export const throwsError = reward(() => {
  throw new Error('out of tune');
});

export const half = {
  kind: 'map',
  summary: 'No stage yet.',
  params: z.strictObject({}),
  adds: () => ['reward'],
};

export const filter = { ...half, kind: 'filter' };
