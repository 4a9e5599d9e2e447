"""What transformers makes of each field of config.json, of models whose weights stay the same: golden.json, read by
test/models/config-fields.test.ts.

    python test/golden/fields/make.py            # needs torch, transformers 5.24

A row is a fixture of test/fixtures, a change of its config.json, and what comes of it: the first logits after a prompt of 24 tokens,
`same` where they are the fixture's own to the bit, or `refused` where transformers raises an error (and where the weights would not
fit).
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent.parent / "fixtures"
PROMPT = [1, *(3 + (11 * i) % 120 for i in range(23))]
WIDTH = 8

# Of all families: what is for training or for other heads, and what the sizes of norms are.
ALL = dict(
    use_cache=[False],
    attention_dropout=[0.5],
    initializer_range=[1.0],
    pad_token_id=[5],
    is_decoder=[True],
    rms_norm_eps=[0.1],
    layer_norm_eps=[0.1],
    norm_epsilon=[0.1],
    layer_norm_epsilon=[0.1],
    hidden_act=["gelu", "relu2"],
    hidden_activation=["gelu"],
    activation_function=["relu2"],
    sliding_window=[4, None],
    sliding_window_pattern=[2],
    layer_types=[["full_attention"] * 2, ["sliding_attention"] * 2],
    use_sliding_window=[True],
    max_window_layers=[0],
    partial_rotary_factor=[0.5],
    rotary_pct=[0.5],
    rotary_emb_base=[7.0],
    rope_theta=[7.0],
    rope_scaling=[{"rope_type": "linear", "factor": 2.0}, {"type": "dynamic", "factor": 2.0}, {"rope_type": "yarn", "factor": 4.0}],
    rope_local_base_freq=[7.0],
    no_rope_layers=[[0, 1, 0, 1]],
    no_rope_layer_interval=[1],
    original_max_position_embeddings=[64],
    max_position_embeddings=[96],
    head_dim=[None],
    logit_scale=[0.9],
    logits_scaling=[3.0],
    embedding_multiplier=[3.0],
    attention_multiplier=[0.6],
    residual_multiplier=[0.3],
    attn_logit_softcapping=[2.0, None],
    final_logit_softcapping=[2.0, None],
    query_pre_attn_scalar=[4],
    use_qk_norm=[True],
    use_parallel_residual=[False],
    scale_attn_weights=[False],
    scale_attn_by_inverse_layer_idx=[True],
    reorder_and_upcast_attn=[True],
    add_cross_attention=[True],
    position_embedding_type=["rope", None],
    num_local_experts=[4],
    embd_pdrop=[0.5],
    resid_pdrop=[0.5],
    attn_pdrop=[0.5],
    hidden_dropout=[0.5],
    residual_dropout=[0.5],
    embedding_dropout=[0.5],
    pretraining_tp=[2],
    use_bidirectional_attention=[True],
    llama_4_scaling_beta=[0.7],
    attention_chunk_size=[4],
    summary_type=["first"],
    torchscript=[True],
    attention_bias=[True],
    mlp_bias=[True],
    use_bias=[False],
)
# Of LFM2 alone, whose fixtures have layer_types and no block_ff_dim.
LFM2 = dict(
    norm_eps=[0.1],
    full_attn_idxs=[[0], None],
    layer_types=[None],
    conv_bias=[True, False],
    conv_L_cache=[2, 5],
    block_ff_dim=[24, 90],
    intermediate_size=[25, 90],
    block_multiple_of=[4, 20],
    block_ffn_dim_multiplier=[1.0, 1.2, 2.0, None],
    block_auto_adjust_ff_dim=[True, False],
    theta=[7.0],
    conv_dim=[16],
    use_pos_enc=[False],
    head_dim=[8],
)
FIXTURE_OF = [
    "llama", "mistral", "ministral", "ministral3", "smollm3", "granite", "granitemoehybrid", "qwen2", "qwen3", "gemma2", "gemma3", "olmo2",
    "olmo3", "exaone4", "phi3", "glm4", "ernie4_5", "hunyuan_v1_dense", "cohere", "cohere2", "gpt_neox", "gpt2", "starcoder2",
    "lfm2", "lfm2-biased",
]  # fmt: skip


@torch.no_grad()
def logits_of(fields, weights):
    config = AutoConfig.for_model(**json.loads(json.dumps(fields)))
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    if model.load_state_dict(weights, strict=False).missing_keys:
        raise ValueError("weights that are not there")
    return model(torch.tensor([PROMPT])).logits[0, -1, :WIDTH]


def result_of(fields, weights, own):
    try:
        logits = logits_of(fields, weights)
    except Exception:
        return "refused"
    if torch.equal(logits, own):
        return "same"
    return [round(value, 5) for value in logits.tolist()]


def main():
    torch.set_num_threads(1)
    transformers.logging.set_verbosity(60)
    transformers.utils.logging.disable_progress_bar()
    rows = []
    for fixture in FIXTURE_OF:
        path = FIXTURES / fixture
        weights = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).state_dict()
        config = json.loads((path / "config.json").read_text()) | {"dtype": "float32"}
        config.pop("time_step_limit", None)
        own = logits_of(config, weights)
        count = config.get("num_hidden_layers", 2)
        own_fields = LFM2 if config["model_type"] == "lfm2" else {}
        for field, values in [*ALL.items(), *own_fields.items()]:
            for value in values:
                if field in ("layer_types", "no_rope_layers") and value is not None:
                    value = [value[0]] * count if field == "layer_types" else (value * count)[:count]
                rows.append([fixture, {field: value}, result_of(config | {field: value}, weights, own)])
        print(fixture, len(rows), flush=True)
    lines = ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows)
    (HERE / "golden.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
