"""Tiny random models of the families whose checkpoints or layers are laid out otherwise than Llama's, as make_fixtures.py has them of
the first four: fixtures in float16 (test/fixtures/<name>/), goldens in float32, and the same models as GGUF.

    python test/golden/models/make_fixtures_layouts.py [NAME ...]        # needs torch, transformers 5, numpy, gguf

The GGUF files are written as llama.cpp's converter does it: its names, its keys, and its order of rows.
"""

import sys

import gguf
import make_fixtures
import numpy as np
import torch
import transformers
from make_fixtures import EOS, FIXTURES, PROMPT_LENGTH, decode, save, write_golden
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText

make_fixtures.COMMON["vocab_size"] = 128

SMALL = dict(
    vocab_size=128,
    hidden_size=32,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
    tie_word_embeddings=False,
)
THETA = dict(rope_type="default", rope_theta=100.0)
FULL, SLIDING, CONV = "full_attention", "sliding_attention", "conv"
VISION = dict(hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1, image_size=4, patch_size=2)
TEXT = {key: value for key, value in SMALL.items() if not key.endswith("_id") and key != "tie_word_embeddings"}
IDS = {key: value for key, value in SMALL.items() if key.endswith("_id")}

# Values for which what is at stake counts: windows below the text's length, biases, several heads.
MODELS = {
    "phi3": dict(head_dim=8, sliding_window=8, rope_parameters=dict(THETA, partial_rotary_factor=0.75)),
    "phi3-longrope": dict(
        head_dim=8,
        max_position_embeddings=128,
        original_max_position_embeddings=64,
        rope_parameters=dict(
            rope_type="longrope",
            rope_theta=100.0,
            partial_rotary_factor=0.75,
            original_max_position_embeddings=64,
            short_factor=[1.0, 1.5, 2.5],
            long_factor=[4.0, 5.0, 6.0],
        ),
    ),
    "glm4": dict(head_dim=16, rope_parameters=dict(THETA, partial_rotary_factor=0.5)),
    "ernie4_5": dict(head_dim=8, use_bias=True, rope_parameters=THETA, tie_word_embeddings=True),
    "hunyuan_v1_dense": dict(
        head_dim=8, attention_bias=True, rope_parameters=dict(rope_type="dynamic", alpha=4.0, factor=1.0, rope_theta=100.0)
    ),
    "cohere": dict(rope_parameters=THETA, logit_scale=0.3, tie_word_embeddings=True),
    "cohere2": dict(
        rope_parameters=THETA,
        logit_scale=0.4,
        num_hidden_layers=4,
        sliding_window=8,
        attention_bias=True,
        tie_word_embeddings=True,
    ),
    "gpt_neox": dict(rope_parameters=dict(THETA, partial_rotary_factor=0.25)),
    "gpt_neox-sequential": dict(
        rope_parameters=dict(THETA, partial_rotary_factor=0.5), use_parallel_residual=False, attention_bias=False
    ),
    "gpt2": dict(n_inner=48, tie_word_embeddings=True),
    "starcoder2": dict(rope_parameters=THETA, sliding_window=8, tie_word_embeddings=True),
    "starcoder2-full": dict(model_type="starcoder2", rope_parameters=THETA, use_bias=True),
    "lfm2": dict(
        num_hidden_layers=5,
        layer_types=[CONV, FULL, CONV, FULL, CONV],
        rope_parameters=THETA,
        block_multiple_of=10,
        block_ffn_dim_multiplier=1.1,
        tie_word_embeddings=True,
    ),
    "lfm2-biased": dict(
        num_hidden_layers=4,
        full_attn_idxs=[2],
        conv_L_cache=4,
        conv_bias=True,
        rope_parameters=THETA,
        block_auto_adjust_ff_dim=False,
    ),
    "lfm2-images": dict(
        model_type="lfm2_vl",
        text_config=dict(
            TEXT,
            model_type="lfm2",
            num_hidden_layers=3,
            layer_types=[FULL, CONV, CONV],
            conv_L_cache=2,
            block_multiple_of=8,
            rope_parameters=THETA,
            **IDS,
        ),
        vision_config=dict(VISION, model_type="siglip2_vision_model", num_patches=4),
        projector_hidden_size=8,
        tie_word_embeddings=True,
        **IDS,
    ),
    "mistral3-images": dict(
        model_type="mistral3",
        text_config=dict(
            TEXT,
            model_type="ministral3",
            head_dim=8,
            rope_parameters=dict(
                rope_type="yarn",
                factor=4.0,
                original_max_position_embeddings=8,
                rope_theta=100.0,
                llama_4_scaling_beta=0.4,
            ),
            **IDS,
        ),
        vision_config=dict(VISION, model_type="pixtral", head_dim=8),
        tie_word_embeddings=False,
        **IDS,
    ),
    "gemma3-images": dict(
        model_type="gemma3",
        text_config=dict(
            TEXT,
            head_dim=8,
            sliding_window=8,
            query_pre_attn_scalar=9,
            num_hidden_layers=3,
            layer_types=[SLIDING, FULL, SLIDING],
            rope_parameters={SLIDING: dict(rope_type="default", rope_theta=50.0), FULL: THETA},
            **IDS,
        ),
        vision_config=dict(VISION, model_type="siglip_vision_model"),
        mm_tokens_per_image=4,
        tie_word_embeddings=True,
        **IDS,
    ),
}


def config_of(name):
    own = MODELS[name]
    fields = dict(own) if "text_config" in own else dict(SMALL, **own)
    if name.startswith("gpt_neox"):
        fields.pop("num_key_value_heads")
    if name == "gpt2":
        for key in ["num_key_value_heads", "intermediate_size"]:
            fields.pop(key)
    return AutoConfig.for_model(fields.pop("model_type", name.split("-")[0]), **fields)


@torch.no_grad()
def run(model, ids, past=None, use_cache=True):
    """Logits as the model itself makes them of its states, scales included."""
    out = model(torch.tensor([ids]), past_key_values=past, use_cache=use_cache, output_hidden_states=True)
    return out.logits[0], out.hidden_states[-1][0], out.past_key_values


def auto_class(name):
    return AutoModelForImageTextToText if name in ("mistral3-images", "lfm2-images") else AutoModelForCausalLM


def load(name):
    options = dict(dtype=torch.float32, attn_implementation="eager")
    return auto_class(name).from_pretrained(FIXTURES / name, **options).eval()


make_fixtures.run = run
make_fixtures.load = load


def randomise(model, seed):
    """As make_fixtures does it, by what a parameter is and not by its name."""
    make_fixtures.randomise(model, seed)
    embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    # A tied head prefers the token that it is given: what blocks add has to outweigh it.
    embedding.data *= 0.5 if head is embedding else 2
    if head is not embedding:
        head.data *= 2


def first_clear(make):
    """The first seed whose greedy text is varied, without EOS and without near-ties, and its prompt."""
    model = make().eval()
    model.set_attn_implementation("eager")
    for seed in range(100):
        randomise(model, seed)
        generator = torch.Generator().manual_seed(1000 + seed)
        prompt = torch.randint(3, SMALL["vocab_size"], (PROMPT_LENGTH,), generator=generator).tolist()
        ids, logits, _, _ = decode(model, prompt)
        top = logits.topk(2).values
        if EOS not in ids and len(set(ids)) >= 6 and (top[:, 0] - top[:, 1]).min() > 0.005:
            return model, prompt
    raise SystemExit("no seed gives a clear greedy text")


ARCHITECTURES = {
    "phi3": gguf.MODEL_ARCH.PHI3,
    "phi3-longrope": gguf.MODEL_ARCH.PHI3,
    "glm4": gguf.MODEL_ARCH.GLM4,
    "ernie4_5": gguf.MODEL_ARCH.ERNIE4_5,
    "hunyuan_v1_dense": gguf.MODEL_ARCH.HUNYUAN_DENSE,
    "cohere": gguf.MODEL_ARCH.COMMAND_R,
    "cohere2": gguf.MODEL_ARCH.COHERE2,
    "gpt_neox": gguf.MODEL_ARCH.GPTNEOX,
    "gpt_neox-sequential": gguf.MODEL_ARCH.GPTNEOX,
    "gpt2": gguf.MODEL_ARCH.GPT2,
    "starcoder2-full": gguf.MODEL_ARCH.STARCODER2,
    "lfm2": gguf.MODEL_ARCH.LFM2,
}


def feed_forward_length(config, name):
    if name == "gpt2":
        return config.n_inner
    if name != "lfm2":
        return config.intermediate_size
    # The converter rounds up what HF does.
    scaled = int(config.block_ffn_dim_multiplier * int(2 * config.intermediate_size / 3))
    return -(-scaled // config.block_multiple_of) * config.block_multiple_of


def write_metadata(writer, config, name):
    heads = config.num_attention_heads
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // heads
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(feed_forward_length(config, name))
    writer.add_head_count(heads)
    writer.add_token_list([f"t{i}" for i in range(config.vocab_size)])
    if name == "lfm2":
        writer.add_head_count_kv([0 if kind == CONV else config.num_key_value_heads for kind in config.layer_types])
        writer.add_shortconv_l_cache(config.conv_L_cache)
    elif getattr(config, "num_key_value_heads", None):
        writer.add_head_count_kv(config.num_key_value_heads)
    if hasattr(config, "rms_norm_eps") or name == "lfm2":
        writer.add_layer_norm_rms_eps(config.norm_eps if name == "lfm2" else config.rms_norm_eps)
    else:
        keys = ["layer_norm_eps", "layer_norm_epsilon", "norm_epsilon"]
        writer.add_layer_norm_eps(next(getattr(config, key) for key in keys if hasattr(config, key)))
    if getattr(config, "head_dim", None):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    if getattr(config, "sliding_window", None):
        writer.add_sliding_window(config.sliding_window)
    if hasattr(config, "logit_scale"):
        writer.add_logit_scale(config.logit_scale)
    if hasattr(config, "use_parallel_residual"):
        writer.add_parallel_residual(config.use_parallel_residual)
    rope = getattr(config, "rope_parameters", None)
    if not rope:
        return
    writer.add_rope_dimension_count(int(head_dim * rope.get("partial_rotary_factor", 1)))
    base = rope["rope_theta"]
    if rope["rope_type"] == "dynamic":
        base *= rope["alpha"] ** (head_dim / (head_dim - 2))
    writer.add_rope_freq_base(base)
    if rope["rope_type"] == "longrope":
        length = rope["original_max_position_embeddings"]
        scale = config.max_position_embeddings / length
        writer.add_rope_scaling_orig_ctx_len(length)
        writer.add_rope_scaling_attn_factors(float(np.sqrt(1 + np.log(scale) / np.log(length))))
        for kind in ["long", "short"]:
            writer.add_tensor(f"rope_factors_{kind}.weight", np.array(rope[f"{kind}_factor"], dtype=np.float32))


def stored(name, key, data, config):
    """A tensor in llama.cpp's order of rows."""
    if name.startswith("gpt_neox") and "query_key_value" in key:
        heads = config.num_attention_heads
        return data.reshape(heads, 3, -1, *data.shape[1:]).swapaxes(0, 1).reshape(data.shape)
    if name == "gpt2" and any(key.endswith(f"{module}.weight") for module in ["c_attn", "c_proj", "c_fc"]):
        return data.T
    return data.squeeze(1) if key.endswith("conv.conv.weight") else data


def write_gguf(name, model):
    config, arch = getattr(model.config, "text_config", model.config), ARCHITECTURES[name]
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    writer = gguf.GGUFWriter(FIXTURES / name / f"{name}.gguf", gguf.MODEL_ARCH_NAMES[arch])
    write_metadata(writer, config, name)
    for key, tensor in model.state_dict().items():
        if key == "lm_head.weight" and model.config.tie_word_embeddings or "vision" in key or "multi_modal" in key:
            continue
        data = stored(name, key, tensor.float().numpy(), config)
        # Vectors and kernels stay float32, as with the converter.
        values = data if data.ndim == 1 or "conv.conv" in key else np.ascontiguousarray(data, dtype=np.float16)
        hf = key.replace("model.language_model.", "model.")
        writer.add_tensor(names.get_name(hf, try_suffixes=(".weight", ".bias")) or f"MISSING.{hf}", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    for name in sys.argv[1:] or MODELS:
        model, prompt = first_clear(lambda: auto_class(name).from_config(config_of(name)))
        save(model.half(), name)
        (FIXTURES / name / "generation_config.json").unlink(missing_ok=True)
        write_golden(name, prompt)
        if name in ARCHITECTURES:
            write_gguf(name, model)


if __name__ == "__main__":
    main()
