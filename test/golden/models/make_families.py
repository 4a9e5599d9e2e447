"""Tiny random models of the families that differ from Llama by fields of the specification, as make_fixtures.py has them
of the first four: fixtures in float16, goldens in float32, and for some the same model as GGUF.

    python test/golden/models/make_families.py [NAME ...]        # needs torch, transformers 5, numpy, gguf

The GGUF files are written as llama.cpp's converter does it: its names, its keys, and its order of rows.
"""

import json
import sys

import gguf
import make_fixtures
import numpy as np
import torch
import transformers
from make_fixtures import FIXTURES, GOLDENS, first_clear, save, write_golden
from transformers import AutoConfig, AutoModelForCausalLM

make_fixtures.COMMON["vocab_size"] = 128

SMALL = dict(
    vocab_size=128,
    hidden_size=32,
    intermediate_size=24,
    num_hidden_layers=4,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    rms_norm_eps=1e-5,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
    tie_word_embeddings=False,
)
THETA = dict(rope_type="default", rope_theta=100.0)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=16, rope_theta=100.0)
FULL, SLIDING = "full_attention", "sliding_attention"

GRANITE_DENSE = dict(
    rope_parameters=THETA,
    num_hidden_layers=2,
    layer_types=[FULL] * 2,
    num_local_experts=0,
    shared_intermediate_size=40,
    attention_multiplier=0.3,
    residual_multiplier=0.7,
    logits_scaling=1.5,
    mamba_n_heads=8,
)

# Values for which what is at stake counts: windows and lengths below the text's, caps and scales that bite.
MODELS = {
    "mistral": dict(head_dim=16, sliding_window=8, rope_parameters=THETA),
    "ministral": dict(
        head_dim=8, sliding_window=8, rope_parameters=THETA, layer_types=[SLIDING, FULL, SLIDING, FULL]
    ),
    "mistral-full": dict(model_type="mistral", head_dim=16, num_hidden_layers=2, sliding_window=None, rope_parameters=THETA),
    # The scale of queries counts from the second half of the prompt on.
    "ministral3": dict(
        head_dim=16,
        num_hidden_layers=2,
        rope_parameters=dict(
            YARN, original_max_position_embeddings=8, mscale=1.0, mscale_all_dim=0.5, llama_4_scaling_beta=0.3
        ),
    ),
    "ministral3-sliding": dict(
        head_dim=8, num_hidden_layers=2, sliding_window=6, rope_parameters=dict(YARN, llama_4_scaling_beta=0.5)
    ),
    "smollm3": dict(rope_parameters=THETA, tie_word_embeddings=True, attention_bias=True, mlp_bias=True),
    "smollm3-sliding": dict(
        rope_parameters=THETA,
        use_sliding_window=True,
        sliding_window=8,
        no_rope_layers=[1, 1, 0, 0],
        layer_types=[FULL, SLIDING, FULL, SLIDING],
    ),
    "granite": dict(
        rope_parameters=THETA,
        num_hidden_layers=3,
        attention_bias=True,
        mlp_bias=True,
        embedding_multiplier=3.0,
        attention_multiplier=0.2,
        residual_multiplier=0.6,
        logits_scaling=2.5,
    ),
    "granitemoehybrid": dict(GRANITE_DENSE, position_embedding_type="rope", embedding_multiplier=2.0, attention_bias=True),
    "granitemoehybrid-nope": dict(GRANITE_DENSE),
    "olmo2": dict(rope_parameters=THETA, num_hidden_layers=3),
    "olmo3": dict(
        sliding_window=8,
        rope_parameters={SLIDING: dict(rope_type="default", rope_theta=50.0), FULL: YARN},
        layer_types=[SLIDING, FULL, SLIDING, FULL],
    ),
    "gemma2": dict(
        head_dim=16,
        tie_word_embeddings=True,
        sliding_window=8,
        query_pre_attn_scalar=16,
        attn_logit_softcapping=3.0,
        final_logit_softcapping=12.0,
        rope_parameters=THETA,
    ),
    "exaone4": dict(
        sliding_window=8, rope_parameters=THETA, layer_types=[SLIDING, SLIDING, FULL, SLIDING], head_dim=8
    ),
    "exaone4-full": dict(sliding_window=None, rope_parameters=THETA, layer_types=[FULL] * 4, head_dim=8),
    "llama-yarn": dict(
        model_type="llama", rope_parameters=dict(YARN, mscale=0.7, mscale_all_dim=0.2, beta_fast=4.0, truncate=False)
    ),
    "llama-longrope": dict(
        model_type="llama",
        num_hidden_layers=2,
        rope_parameters=dict(
            rope_type="longrope",
            rope_theta=100.0,
            original_max_position_embeddings=64,
            short_factor=[1.0, 1.3, 2.0, 3.5],
            long_factor=[4.0, 5.0, 6.0, 7.0],
        ),
    ),
    "qwen3-dynamic": dict(
        model_type="qwen3",
        num_hidden_layers=2,
        head_dim=8,
        rope_parameters=dict(rope_type="dynamic", factor=4.0, rope_theta=100.0),
    ),
}


def config_of(name):
    fields = dict(SMALL, **MODELS[name])
    return AutoConfig.for_model(fields.pop("model_type", name.split("-")[0]), **fields)


@torch.no_grad()
def run(model, ids, past=None, use_cache=True):
    """Logits as the model itself makes them of its states, scales and caps included."""
    out = model(torch.tensor([ids]), cache=past, use_cache=use_cache, output_hidden_states=True)
    return out.logits[0], out.hidden_states[-1][0], out.cache


def randomise(model, seed, of_all=make_fixtures.randomise):
    """Gemma 2's embedding is its head as well: at full size a text would repeat its last token."""
    of_all(model, seed)
    if model.config.model_type == "gemma2":
        model.model.embed_tokens.weight.data *= 0.5


make_fixtures.run = run
make_fixtures.randomise = randomise


# The converter permutes queries and keys where llama.cpp rotates neighbours.
PERMUTED = {"mistral-full", "ministral3", "smollm3", "granite"}
ARCHITECTURES = {
    "mistral-full": gguf.MODEL_ARCH.LLAMA,
    "ministral3": gguf.MODEL_ARCH.MISTRAL3,
    "smollm3": gguf.MODEL_ARCH.SMOLLM3,
    "granite": gguf.MODEL_ARCH.GRANITE,
    "olmo2": gguf.MODEL_ARCH.OLMO2,
    "olmo3": gguf.MODEL_ARCH.OLMO2,
    "gemma2": gguf.MODEL_ARCH.GEMMA2,
    "exaone4": gguf.MODEL_ARCH.EXAONE4,
    "exaone4-full": gguf.MODEL_ARCH.EXAONE4,
}


def permute(rows, heads):
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def write_metadata(writer, config, name):
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_token_list([f"t{i}" for i in range(config.vocab_size)])
    rope = config.rope_parameters.get(FULL, config.rope_parameters)
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] == "yarn":
        writer.add_rope_scaling_type(gguf.RopeScalingType.YARN)
        writer.add_rope_scaling_factor(rope["factor"])
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if name == "ministral3":
        writer.add_rope_scaling_yarn_log_mul(rope["mscale_all_dim"])
        writer.add_attn_temperature_scale(rope["llama_4_scaling_beta"])
    if SLIDING in config.rope_parameters:
        writer.add_rope_freq_base_swa(config.rope_parameters[SLIDING]["rope_theta"])
    if getattr(config, "head_dim", None):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    if getattr(config, "sliding_window", None) is not None:
        writer.add_sliding_window(config.sliding_window)
        # Gemma 2's converter leaves the pattern to llama.cpp.
        if name != "gemma2":
            writer.add_sliding_window_pattern([kind == SLIDING for kind in config.layer_types])
    if name == "granite":
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_logit_scale(config.logits_scaling)
    if name == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)


def write_gguf(name, model):
    config, arch = model.config, ARCHITECTURES[name]
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    writer = gguf.GGUFWriter(GOLDENS / f"{name}.gguf", gguf.MODEL_ARCH_NAMES[arch])
    write_metadata(writer, config, name)
    for key, tensor in model.state_dict().items():
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        data = tensor.float().numpy()
        if name in PERMUTED and ".q_proj." in key:
            data = permute(data, config.num_attention_heads)
        if name in PERMUTED and ".k_proj." in key:
            data = permute(data, config.num_key_value_heads)
        if name == "gemma2" and key.endswith("norm.weight"):
            data = data + np.float32(1)
        # Vectors stay float32, as with the converter.
        stored = data if data.ndim == 1 else data.astype(np.float16)
        writer.add_tensor(names.get_name(key, try_suffixes=(".weight", ".bias")), stored)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    for name in sys.argv[1:] or MODELS:
        model, prompt = first_clear(lambda: AutoModelForCausalLM.from_config(config_of(name)))
        # Values of float16 from here on, in which Gemma's 1 + w is exact.
        save(model.half(), name)
        (FIXTURES / name / "generation_config.json").unlink(missing_ok=True)
        write_golden(name, prompt)
        if name in ARCHITECTURES:
            write_gguf(name, model)


if __name__ == "__main__":
    main()
