import { raggedFloat32 } from '../../../src/core/columns.ts';
import type { KlEstimator, KlSpec } from '../../../src/core/services.ts';
import { standardLosses } from '../../../src/policy/losses/catalogue.ts';
import type { Objective } from '../../../src/policy/losses/objective.ts';
import { importanceCorrection, importanceSchema } from '../../../src/stages/optimize/importance.ts';
import type { LossCase } from './reference.ts';

/** A case of losses.json, losses_extra.json or losses_more.json, with the parameters of whichever system ran it. */
export interface PeerCase extends Omit<LossCase, 'params'> {
  readonly params: Readonly<Record<string, unknown>> & { readonly loss_agg_mode?: string };
}

/** What is to be computed, and of what. */
export interface Posed {
  readonly objective: Objective;
  readonly given: LossCase;
}

interface Form {
  readonly use: string;
  readonly own: Readonly<Record<string, unknown>>;
  readonly kl?: KlSpec;
  /** What the loss is aggregated by, in verl's names. */
  readonly params?: Readonly<Record<string, unknown>>;
  readonly changes?: Partial<PeerCase>;
}

const verlNames: Readonly<Record<string, string>> = {
  ppo_clip: 'loss/ppo-clip',
  ppo_clip_higher: 'loss/ppo-clip',
  ppo_clip_plus_kl: 'loss/ppo-clip',
  gspo: 'loss/gspo',
  cispo: 'loss/cispo',
  gpg: 'loss/reinforce',
  kl_penalty: 'loss/reinforce',
  sapo: 'loss/sapo',
  geo_mean: 'loss/gmpo',
  dro: 'loss/dro',
  dppo_tv: 'loss/dppo',
  dppo_kl: 'loss/dppo',
  clip_cov: 'loss/clip-cov',
  kl_cov: 'loss/kl-cov',
};
const klAliases: Readonly<Record<string, string>> = { kl: 'k1', mse: 'k2', low_var_kl: 'k3', 'k2+': 'k2' };

/** The pipeline's words for a case of verl, OpenRLHF or TRL. */
export function posed(example: PeerCase): Posed {
  const { use, own, kl, params, changes } = formOf(example);
  const loss = standardLosses[use]!;
  const given = { ...example, ...changes, params: { ...example.params, ...params } } as unknown as LossCase;
  const bound = example.params.off_policy_mask_threshold as number | undefined;
  const objective = {
    loss,
    params: loss.params.parse(own),
    ...(kl && { kl }),
    ...(bound !== undefined && { offPolicy: bound }),
  };
  return { objective, given };
}

function formOf(example: PeerCase): Form {
  switch (example.loss) {
    case 'openrlhf_policy_loss':
      return openRlhf(example);
    case 'trl_grpo_loss':
      return trlGrpo(example);
    case 'trl_rloo_loss':
      return trlRloo(example);
    default:
      return verl(example);
  }
}

function verl({ loss, params: p, mask }: PeerCase): Form {
  const use = verlNames[loss]!;
  const clip = [p.clip_ratio_low, p.clip_ratio_high];
  const own: Readonly<Record<string, object>> = {
    'loss/ppo-clip': { clip, dualClip: p.clip_ratio_c },
    'loss/gspo': { clip },
    'loss/cispo': { clip },
    'loss/gmpo': { clip },
    'loss/sapo': { temperatures: [p.tau_pos, p.tau_neg] },
    'loss/dro': { beta: p.dro_beta },
    'loss/clip-cov': { clip, share: p.clip_cov_ratio, between: [p.clip_cov_lb, p.clip_cov_ub] },
    'loss/kl-cov': { share: p.kl_cov_ratio, coefficient: p.ppo_kl_coef },
    'loss/dppo': { divergence: loss.slice(-2), bounds: clip, truncate: p.clip_ratio_c },
  };
  const kl = p.kl_penalty as string | undefined;
  // These average over responses, whatever the configuration says.
  const bySequence = ['gspo', 'geo_mean', 'sapo'].includes(loss);
  return {
    use,
    own: (own[use] ?? {}) as Form['own'],
    ...(kl && {
      kl: { use: (klAliases[kl] ?? kl) as KlEstimator, coefficient: (p.kl_coef as number) ?? 1 },
    }),
    ...(bySequence && { params: { loss_agg_mode: 'seq-mean-token-mean' } }),
    // A penalty by itself: beside it, a loss that is zero.
    ...(loss === 'kl_penalty' && { changes: { advantages: mask.map((row) => row.map(() => 0)) } }),
  };
}

function openRlhf(example: PeerCase): Form {
  const { params: p, rollout_logprobs: sampled } = example;
  const sequence = p.policy_loss_type === 'gspo';
  const corrected = p.enable_vllm_is_correction === true && sampled;
  return {
    use: sequence ? 'loss/gspo' : 'loss/ppo-clip',
    own: { clip: [p.clip_eps_low, p.clip_eps_high], ...(p.dual_clip ? { dualClip: p.dual_clip } : {}) },
    params: { loss_agg_mode: p.token_level_loss && !sequence ? 'token-mean' : 'seq-mean-token-mean' },
    ...(corrected && {
      changes: sequence ? { old_logprobs: sampled } : { rollout_is_weights: openRlhfWeights(example) },
    }),
  };
}

function openRlhfWeights({
  params,
  old_logprobs: old,
  rollout_logprobs: sampled,
  mask,
}: PeerCase): number[][] {
  const [low, high] = params.vllm_is_truncated_threshold as [number, number];
  const settings = {
    tis: { threshold: [low, high], outside: 'clamp' },
    icepop: { threshold: [low, high] },
    // Bounds on trainer / sampler; ours are on sampler / trainer.
    'seq-mask-tis': {
      threshold: 'unbounded',
      reject: [{ use: 'mean-k1', keep: [1 / high, 1 / low], counted: true }],
    },
  }[params.vllm_is_correction_type as 'tis' | 'icepop' | 'seq-mask-tis'];
  const { weights } = importanceCorrection(
    raggedFloat32(old!),
    raggedFloat32(sampled!),
    Float32Array.from(mask.flat()),
    importanceSchema.parse(settings),
  );
  const width = mask[0]!.length;
  return mask.map((_, i) => [...weights!.subarray(i * width, (i + 1) * width)]);
}

const trlModes: Readonly<Record<string, string>> = {
  grpo: 'seq-mean-token-mean',
  sapo: 'seq-mean-token-mean',
  bnpo: 'token-mean',
  dapo: 'token-mean',
  cispo: 'token-mean',
  vespo: 'token-mean',
  dr_grpo: 'seq-mean-token-sum-norm',
  luspo: 'seq-mean-token-sum',
};

function trlGrpo({ params: p }: PeerCase): Form {
  const type = p.loss_type as string;
  const sequence = p.importance_sampling_level === 'sequence';
  const surrogate = {
    use: sequence ? 'loss/gspo' : 'loss/ppo-clip',
    own: { clip: [p.epsilon, p.epsilon_high], ...(p.delta ? { dualClip: p.delta } : {}) },
  };
  const others: Readonly<Record<string, Pick<Form, 'use' | 'own'>>> = {
    cispo: { use: 'loss/cispo', own: { clip: [1, (p.epsilon_high as number) - 1] } },
    sapo: {
      use: 'loss/sapo',
      own: { temperatures: [p.sapo_temperature_pos, p.sapo_temperature_neg] },
    },
    vespo: {
      use: 'loss/vespo',
      own: {
        positive: [p.vespo_k_pos, p.vespo_lambda_pos],
        negative: [p.vespo_k_neg, p.vespo_lambda_neg],
      },
    },
  };
  const form = others[type] ?? surrogate;
  return {
    use: form.use,
    own: { ...form.own, masked: 'counted' },
    ...(p.beta
      ? {
          kl: {
            use: 'k3',
            coefficient: p.beta as number,
            ...(p.use_bias_correction_kl ? { byRatio: true } : {}),
          },
        }
      : {}),
    params: {
      loss_agg_mode: trlModes[type],
      loss_scale_factor: p.max_completion_length,
    },
  };
}

function trlRloo({ params: p }: PeerCase): Form {
  return {
    use: 'loss/ppo-clip',
    own: { ratio: 'sequence', clip: [p.epsilon, p.epsilon_high], masked: 'counted' },
    params: { loss_agg_mode: 'seq-mean-token-mean' },
  };
}
