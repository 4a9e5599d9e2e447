/** Fields of config.json that HF's configuration classes have as floats, in all families that are served and in their rotary embeddings. */
const FLOATS =
  /(_eps|_epsilon|_theta|_base|_base_freq|_pct|_pdrop|_dropout|_softcapping|_multiplier|_range|_beta|_factor|_scale|^logits_scaling|^factor|^alpha|^beta_(fast|slow)|^mscale(_all_dim)?|^(low|high)_freq_factor|_aux_loss_coef|_jitter_noise)$/

/** Whether HF has a field of config.json as a float, by its name. */
export function isFloatField(name: string): boolean {
  return FLOATS.test(name)
}
