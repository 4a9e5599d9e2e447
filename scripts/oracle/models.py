"""
Writes random small models of all families, and what HF transformers computes with them, for compare-models.ts.

    python scripts/oracle/models.py DIRECTORY [--seed N] [--count N] [--family TYPE ...]

Needs torch, transformers 5.24 and safetensors. Each model is a directory in HF layout under DIRECTORY, with expected.json:
the ids of a prompt, those that greedy decoding adds, and the logits of the prompt's tokens in float32. What varies: the family, its
shape (heads that share keys, head_dim, depth), rotary embeddings (bases, scaling, in the spellings of transformers 4 and 5 and in
several places at once), sliding windows and kinds of layers, experts, biases, scales, activations, fields that HF reads and ignores, a
vocabulary projection that is tied, own, or tied and own in the file, the type of the weights, shards, an index left from an earlier
save, and names without the model's own prefix. What transformers refuses is drawn again.
"""

import argparse
import base64
import json
import os
import random
import shutil

import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

VOCABULARY = 96
FULL, SLIDING = "full_attention", "sliding_attention"


def layer_types(rng, layers, kinds=(FULL, SLIDING)):
    return [rng.choice(kinds) for _ in range(layers)]


def some(rng, **fields):
    """Some of the fields, a list of values each."""
    return {name: rng.choice(values) for name, values in fields.items() if rng.random() < 0.6}


BOTH = [True, False]
WINDOWS = [3, 6, 16, None]
ACTIVATIONS = ["gelu", "gelu_new", "gelu_pytorch_tanh", "silu", "relu2"]


def qwen(rng, layers):
    window = some(rng, use_sliding_window=BOTH, sliding_window=[3, 6, 16], max_window_layers=range(layers + 1))
    return window if rng.random() < 0.7 else {}


def smollm3(rng, layers):
    fields = some(rng, use_sliding_window=BOTH, sliding_window=[3, 6], attention_bias=BOTH, mlp_bias=BOTH, no_rope_layer_interval=[1, 2, 3])
    if rng.random() < 0.4:
        fields["no_rope_layers"] = [rng.randrange(2) for _ in range(layers)]
    return fields


def granite(rng, _):
    scales = dict(attention_multiplier=[0.1, 0.5, 1], embedding_multiplier=[1, 4.0, 12], residual_multiplier=[0.2, 0.9], logits_scaling=[2, 8.0])
    return some(rng, attention_bias=BOTH, mlp_bias=BOTH, **scales)


def granite_dense(rng, layers):
    return {
        **granite(rng, layers),
        "num_local_experts": 0,
        "shared_intermediate_size": rng.choice([24, 40]),
        rng.choice(["layer_types", "layers_block_type"]): layer_types(rng, layers, (FULL, "attention")),
        "mamba_n_heads": 1,
        **some(rng, position_embedding_type=["rope", "rope", None, "nope"]),
    }


def gemma(rng, layers):
    fields = some(rng, sliding_window=[3, 6, 16], query_pre_attn_scalar=[8, 24, 256], attention_bias=BOTH)
    if rng.random() < 0.4:
        fields["layer_types"] = layer_types(rng, layers)
    return fields


def gemma3(rng, layers):
    return {**gemma(rng, layers), **some(rng, sliding_window_pattern=[1, 2, 3])}


def gemma2(rng, layers):
    caps = dict(attn_logit_softcapping=[2.0, 20, None], final_logit_softcapping=[1.5, 30.0, None])
    return {**gemma(rng, layers), **some(rng, **caps)}


def windowed(rng, layers):
    fields = some(rng, sliding_window=[3, 6])
    if rng.random() < 0.5:
        fields["layer_types"] = layer_types(rng, layers)
    return fields


def exaone4(rng, layers):
    fields = some(rng, sliding_window=[3, 6], sliding_window_pattern=[1, 2, 3])
    if rng.random() < 0.5:
        fields["layer_types"] = layer_types(rng, layers)
    return fields


def cohere2(rng, layers):
    fields = some(rng, sliding_window=[3, 6], sliding_window_pattern=[1, 2, 3], attention_bias=BOTH)
    if rng.random() < 0.3:
        fields["layer_types"] = layer_types(rng, layers)
    return {**fields, **some(rng, logit_scale=[0.25, 1, 2.0], layer_norm_eps=[1e-5, 1e-2])}


def cohere(rng, _):
    return some(rng, logit_scale=[0.25, 1, 2.0], layer_norm_eps=[1e-5, 1e-2], attention_bias=BOTH)


def gpt_neox(rng, _):
    names = dict(use_parallel_residual=BOTH, attention_bias=BOTH, layer_norm_eps=[1e-5, 1e-2], hidden_act=ACTIVATIONS, is_decoder=BOTH)
    return some(rng, rotary_pct=[0.25, 0.5, 1.0], rotary_emb_base=[100, 5000.0], **names)


def gpt2(rng, _):
    return some(
        rng,
        n_inner=[24, None],
        activation_function=ACTIVATIONS,
        layer_norm_epsilon=[1e-5, 1e-2],
        scale_attn_weights=BOTH,
        reorder_and_upcast_attn=BOTH,
        summary_type=["cls_index"],
    )


def starcoder2(rng, _):
    return some(rng, sliding_window=WINDOWS, use_bias=BOTH, norm_epsilon=[1e-5, 1e-2], hidden_act=ACTIVATIONS)


# By model_type, the fields of its own: a function of the random numbers and the count of layers.
def experts(family):
    def fields_of(rng, layers):
        count = rng.choice([2, 3, 5, 8])
        name = rng.choice(["num_experts", "num_local_experts"]) if family != "qwen2_moe" else "num_experts"
        fields = {name: count, "num_experts_per_tok": rng.randint(1, count)}
        if family != "mixtral" and rng.random() < 0.8:
            fields["norm_topk_prob"] = rng.random() < 0.5
        if family == "mixtral":
            fields.update(some(rng, sliding_window=WINDOWS))
        if family.startswith("qwen"):
            fields["moe_intermediate_size"] = rng.choice([8, 20, 40])
            fields.update(some(rng, decoder_sparse_step=[1, 2]))
            if rng.random() < 0.4:
                fields["mlp_only_layers"] = sorted(rng.sample(range(layers), rng.randint(0, layers)))
        if family == "qwen2_moe":
            fields["shared_expert_intermediate_size"] = rng.choice([8, 24])
        return fields

    return fields_of


def lfm2(rng, layers):
    fields = some(
        rng,
        conv_bias=BOTH,
        conv_L_cache=[1, 2, 3, 4, 7],
        norm_eps=[1e-6, 1e-2],
        block_auto_adjust_ff_dim=BOTH,
        block_ffn_dim_multiplier=[0.5, 1, 1.3],
        tie_embedding=BOTH,
        block_ff_dim=[20, 50],
        theta=[3.0],
    )
    fields["block_multiple_of"] = rng.choice([1, 8, 10])
    if rng.random() < 0.4:
        fields["full_attn_idxs"] = sorted(rng.sample(range(layers), rng.randint(1, layers)))
    elif rng.random() < 0.8:
        fields["layer_types"] = layer_types(rng, layers, (FULL, "conv", "conv"))
    return fields


OWN = {
    "llama": lambda rng, _: some(rng, attention_bias=BOTH, mlp_bias=BOTH, pretraining_tp=[1, 2]),
    "mistral": lambda rng, _: some(rng, sliding_window=WINDOWS),
    "ministral": windowed,
    "ministral3": lambda rng, _: some(rng, sliding_window=WINDOWS),
    "smollm3": smollm3,
    "granite": granite,
    "granitemoehybrid": granite_dense,
    "qwen2": qwen,
    "qwen3": lambda rng, layers: {**qwen(rng, layers), **some(rng, attention_bias=BOTH)},
    "gemma2": gemma2,
    "gemma3_text": gemma3,
    "olmo2": lambda rng, _: some(rng, attention_bias=BOTH),
    "olmo3": lambda rng, layers: {**windowed(rng, layers), **some(rng, attention_bias=BOTH)},
    "exaone4": exaone4,
    "phi3": lambda rng, _: some(rng, sliding_window=WINDOWS, original_max_position_embeddings=[64]),
    "glm4": lambda rng, _: some(rng, attention_bias=BOTH),
    "ernie4_5": lambda rng, _: some(rng, use_bias=BOTH),
    "hunyuan_v1_dense": lambda rng, _: some(rng, attention_bias=BOTH),
    "cohere": cohere,
    "cohere2": cohere2,
    "gpt_neox": gpt_neox,
    "gpt2": gpt2,
    "starcoder2": starcoder2,
    "mixtral": experts("mixtral"),
    "olmoe": experts("olmoe"),
    "qwen2_moe": experts("qwen2_moe"),
    "qwen3_moe": experts("qwen3_moe"),
    "lfm2": lfm2,
}
PARTIAL = {"phi3": [0.5, 0.75, 1.0], "glm4": [0.5, 0.25, 1.0], "gpt_neox": [0.25, 0.5]}
# What is called otherwise, and what there is no name for.
RENAMED = {
    "gpt2": dict(hidden_size="n_embd", num_hidden_layers="n_layer", num_attention_heads="n_head", max_position_embeddings="n_positions"),
}
SAME_HEADS = {"gpt2", "gpt_neox"}


def sizes(rng, family):
    kv_heads = rng.choice([1, 2, 4])
    heads = kv_heads * (1 if family in SAME_HEADS else rng.choice([1, 2, 3]))
    head_dim = rng.choice([8, 16, 24])
    own_head_dim = family not in SAME_HEADS | {"olmoe"} and (family.startswith("gemma") or rng.random() < 0.5)
    config = {
        "model_type": family,
        "vocab_size": VOCABULARY,
        "hidden_size": heads * rng.choice([8, 16]) if own_head_dim else heads * head_dim,
        "intermediate_size": rng.choice([24, 40, 64]),
        "num_hidden_layers": rng.choice([1, 2, 4, 7]),
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": rng.choice([64, 128, 512]),
        "rms_norm_eps": rng.choice([1e-6, 1e-5, 1e-3]),
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        **some(rng, use_cache=BOTH, attention_dropout=[0.0, 0.4], initializer_range=[0.1]),
    }
    if own_head_dim or family in ("qwen3", "qwen3_moe", "ministral3", "glm4", "ernie4_5"):
        config["head_dim"] = head_dim
    elif family == "gpt2" and rng.random() < 0.3:
        # Not read.
        config["head_dim"] = 12
    return config


def scaling(rng, family):
    if family == "ministral3":
        return yarn(rng) | {"llama_4_scaling_beta": rng.choice([0, 0.1, 0.5])}
    if family == "hunyuan_v1_dense" and rng.random() < 0.5:
        return {"rope_type": "dynamic", "alpha": rng.choice([2.0, 1000]), "factor": 1.0}
    if family == "phi3":
        return rng.choice([{"rope_type": "default"}, {"type": "su"}, {"type": "yarn"}, {"rope_type": "longrope"}])
    return rng.choice(
        [
            {"rope_type": "default"},
            {"rope_type": "linear", "factor": rng.choice([2, 4.0, 8.0])},
            {"type": "linear", "factor": 2.0},
            {"rope_type": "dynamic", "factor": 2.0},
            yarn(rng),
            {"rope_type": "longrope"},
            {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                **({"original_max_position_embeddings": 32} if rng.random() < 0.7 else {}),
            },
        ]
    )


def yarn(rng):
    lengths = dict(original_max_position_embeddings=[8, 32], beta_fast=[4.0, 16], beta_slow=[0.5, 2])
    factors = dict(mscale=[0.7, 1.0], mscale_all_dim=[0.3, 1], attention_factor=[1.3], truncate=BOTH)
    return {"rope_type": "yarn", "factor": rng.choice([2.0, 8]), **some(rng, **lengths, **factors)}


def completed(rng, fields, family, rotated):
    """A longrope's lists and lengths, which have to fit."""
    if fields.get("rope_type", fields.get("type")) in ("longrope", "su") or (family == "phi3" and fields.get("type") == "yarn"):
        fields["original_max_position_embeddings"] = 64
        for name in ("short_factor", "long_factor"):
            fields[name] = [round(rng.uniform(1, 4), 2) for _ in range(rotated // 2)]
        fields.update(some(rng, attention_factor=[1.2]))
    return fields


def rope(rng, config):
    """Rope fields of one embedding for all layers: in one place or in several, with the base within or beside."""
    family = config["model_type"]
    head_dim = config.get("head_dim") or config["hidden_size"] // config["num_attention_heads"]
    if family in SAME_HEADS:
        head_dim = config["hidden_size"] // config["num_attention_heads"]
    fields = {}
    partial = rng.choice(PARTIAL[family]) if family in PARTIAL and rng.random() < 0.7 else None
    if partial and rng.random() < 0.5 and family != "gpt_neox":
        fields["partial_rotary_factor"] = partial
    rotated = int(head_dim * (partial or {"glm4": 0.5, "gpt_neox": 0.25}.get(family, 1)))

    def one():
        values = completed(rng, scaling(rng, family), family, rotated)
        return values | ({"partial_rotary_factor": partial} if partial and "partial_rotary_factor" not in fields else {})

    if rng.random() < 0.6:
        fields["rope_theta"] = rng.choice([100.0, 1000, 10000.0, 500000.0])
    kind = rng.choice(["none", "v4", "v5", "both", "null"])
    if kind in ("v4", "both"):
        fields["rope_scaling"] = one()
        if rng.random() < 0.3:
            fields["rope_scaling"]["rope_theta"] = 700.0
    if kind in ("v5", "both"):
        fields["rope_parameters"] = one()
        if rng.random() < 0.5:
            fields["rope_parameters"]["rope_theta"] = 300.0
    if kind == "null":
        fields["rope_scaling"] = None
        fields["rope_parameters"] = rng.choice([None, {}])
    if rng.random() < 0.15 and "longrope" not in str(fields):
        fields["original_max_position_embeddings"] = 64 if family == "phi3" else 48
    return fields


def gemma_rope(rng):
    fields = {}
    if rng.random() < 0.5:
        fields["rope_theta"] = rng.choice([1000.0, 100000.0])
    if rng.random() < 0.5:
        fields["rope_local_base_freq"] = rng.choice([50.0, 400.0])
    if rng.random() < 0.5:
        full = {**rng.choice([{"rope_type": "default"}, {"rope_type": "linear", "factor": 4.0}])}
        if rng.random() < 0.5:
            full["rope_theta"] = 2000.0
        sliding = rng.choice([None, {"rope_type": "default"}, {"rope_type": "default", "rope_theta": 60.0}])
        fields["rope_parameters"] = {"full_attention": full, "sliding_attention": sliding}
    if rng.random() < 0.4:
        fields["rope_scaling"] = {"rope_type": "linear", "factor": 8.0}
    return fields


def olmo3_rope(rng):
    fields = gemma_rope(rng)
    fields.pop("rope_local_base_freq", None)
    return fields


def config_of(rng, family):
    config = sizes(rng, family)
    config.update(OWN[family](rng, config["num_hidden_layers"]))
    by_kind = {"gemma3_text": lambda: gemma_rope(rng), "olmo3": lambda: olmo3_rope(rng), "gpt2": dict}
    config.update(by_kind.get(family, lambda: rope(rng, config))())
    head = rng.choice(["default", "tied", "untied"])
    if head != "default":
        config["tie_word_embeddings"] = head == "tied"
    if family in SAME_HEADS:
        config.pop("num_key_value_heads")
    return {RENAMED.get(family, {}).get(name, name): value for name, value in config.items()}


def write_weights(rng, directory, model, tied):
    """Saves the weights in one of the layouts that are met."""
    dtype = rng.choice([torch.float32, torch.float32, torch.float16, torch.bfloat16])
    model = model.to(dtype)
    layout = rng.choice(["one", "one", "shards", "stale index", "bare names"])
    model.save_pretrained(directory, max_shard_size="12KB" if layout in ("shards", "stale index") else "1GB")
    path = os.path.join(directory, "model.safetensors")
    index = os.path.join(directory, "model.safetensors.index.json")
    if layout == "stale index" and os.path.exists(index):
        kept = open(index).read()
        model.save_pretrained(directory)
        open(index, "w").write(kept)
    head = "as configured"
    if layout == "shards" and os.path.exists(index):
        return f"{dtype}, shards"
    tensors = load_file(path)
    embedding_name = next(n for n, p in model.named_parameters() if p is model.get_input_embeddings().weight)
    head_name = "embed_out.weight" if model.config.model_type == "gpt_neox" else "lm_head.weight"
    embedding = tensors[embedding_name]
    if tied:
        head = rng.choice(["as configured", "own", "same", "alone"])
        if head == "own":
            tensors[head_name] = (embedding.float() + 0.05 * torch.randn(embedding.shape)).to(dtype)
        if head == "same":
            tensors[head_name] = embedding.clone()
        if head == "alone":
            tensors[head_name] = tensors.pop(embedding_name)
    if layout == "bare names" and head == "as configured":
        prefix = model.base_model_prefix + "."
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    save_file(tensors, path, metadata={"format": "pt"})
    return f"{dtype}, {layout}, head {head}"


def write_model(rng, seed, directory, family):
    """A model in the directory, what is expected of it beside it, and how its weights are stored."""
    torch.manual_seed(seed)
    config = config_of(rng, family)
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**json.loads(json.dumps(config))))
    for name, parameter in model.named_parameters():
        # Norms near one and everything else larger than HF starts with, so that texts are not one token.
        spread = 0.1 if "norm" in name or ".ln_" in name else 0.2 if "bias" in name else 0.12
        parameter.data += spread * torch.randn(parameter.shape)
    files = write_weights(rng, directory, model, model.config.tie_word_embeddings)
    # What save_pretrained wrote is in the spelling of transformers 5; what is tested is ours.
    json.dump(config, open(os.path.join(directory, "config.json"), "w"), indent=1)
    if os.path.exists(os.path.join(directory, "generation_config.json")):
        os.remove(os.path.join(directory, "generation_config.json"))
    loaded = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="eager", experts_implementation="eager").eval()
    prompt = [1] + [rng.randrange(3, VOCABULARY) for _ in range(rng.choice([4, 11, 23]))]
    with torch.no_grad():
        logits = loaded(torch.tensor([prompt])).logits[0]
        noise = (loaded.double()(torch.tensor([prompt])).logits[0] - logits).abs().max().item()
        loaded.float()
        ids = loaded.generate(torch.tensor([prompt]), max_new_tokens=24, do_sample=False, eos_token_id=None)
    expected = {
        "files": files,
        "prompt": prompt,
        "noise": noise,
        "ids": ids[0].tolist()[len(prompt) :],
        "logits": base64.b64encode(logits.contiguous().numpy().tobytes()).decode(),
    }
    json.dump(expected, open(os.path.join(directory, "expected.json"), "w"))
    return files


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=2 * len(OWN))
    parser.add_argument("--family", nargs="+", default=list(OWN))
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for number in range(options.count):
        seed = options.seed + number
        rng = random.Random(seed)
        family = options.family[number % len(options.family)]
        directory = os.path.join(options.directory, f"{seed:05}-{family}")
        for _ in range(50):
            try:
                print(f"{directory}: {write_model(rng, seed, directory, family)}", flush=True)
                break
            except Exception as error:
                refused = f"{type(error).__name__}: {error}"
        else:
            raise SystemExit(f"{directory}: no model that transformers takes; the last one: {refused}")


if __name__ == "__main__":
    main()
