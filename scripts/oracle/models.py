"""
Writes random small models of all families, and what HF transformers computes with them, for compare-models.ts.

    python scripts/oracle/models.py DIRECTORY [--seed N] [--count N]

Needs torch, transformers 5.24 and safetensors. Each model is a directory in HF layout under DIRECTORY, with expected.json:
the ids of a prompt, those that greedy decoding adds, and the logits of the prompt's tokens in float32. What varies: the family, its
shape (heads that share keys, head_dim, depth), rotary embeddings (bases, scaling, in the spellings of transformers 4 and 5 and in
several places at once), sliding windows and kinds of layers, experts, biases, a vocabulary projection that is tied, own, or tied and own
in the file, the type of the weights, shards, an index left from an earlier save, and names without `model.`.
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
WITH_EXPERTS = ["mixtral", "olmoe", "qwen2_moe", "qwen3_moe"]
FAMILIES = ["llama", "qwen2", "qwen3", "gemma3_text", *WITH_EXPERTS]


def sizes(rng, family):
    kv_heads = rng.choice([1, 2, 4])
    heads = kv_heads * rng.choice([1, 2, 3])
    head_dim = rng.choice([8, 16, 24])
    # OLMoE's norms of all heads are of the hidden size.
    own_head_dim = family == "gemma3_text" or (family != "olmoe" and rng.random() < 0.5)
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
    }
    if own_head_dim or family in ("qwen3", "qwen3_moe"):
        config["head_dim"] = head_dim
    return config


def scaling(rng):
    return rng.choice(
        [
            {"rope_type": "default"},
            {"rope_type": "linear", "factor": rng.choice([2, 4.0, 8.0])},
            {"type": "linear", "factor": 2.0},
            {
                "rope_type": "llama3",
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                **({"original_max_position_embeddings": 32} if rng.random() < 0.7 else {}),
            },
        ]
    )


def rope(rng):
    """Rope fields of Llama and Qwen: in one place or in several, with the base within or beside."""
    theta = rng.choice([100.0, 1000, 10000.0, 500000.0])
    fields = {}
    if rng.random() < 0.6:
        fields["rope_theta"] = theta
    kind = rng.choice(["none", "v4", "v5", "both", "null"])
    if kind in ("v4", "both"):
        fields["rope_scaling"] = scaling(rng)
        if rng.random() < 0.3:
            fields["rope_scaling"]["rope_theta"] = 700.0
    if kind in ("v5", "both"):
        fields["rope_parameters"] = scaling(rng)
        if rng.random() < 0.5:
            fields["rope_parameters"]["rope_theta"] = 300.0
    if kind == "null":
        fields["rope_scaling"] = None
        fields["rope_parameters"] = rng.choice([None, {}])
    if rng.random() < 0.15:
        fields["original_max_position_embeddings"] = 48
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


def attention(rng, config):
    family = config["model_type"]
    layers = config["num_hidden_layers"]
    fields = {}
    if family in ("llama", "qwen3", "gemma3_text"):
        fields["attention_bias"] = rng.random() < 0.4
    if family == "llama":
        fields["mlp_bias"] = rng.random() < 0.4
    if family == "gemma3_text":
        fields["sliding_window"] = rng.choice([3, 6, 16])
        fields["query_pre_attn_scalar"] = rng.choice([8, 24, 256])
        if rng.random() < 0.5:
            fields["sliding_window_pattern"] = rng.choice([1, 2, 3])
        else:
            fields["layer_types"] = [rng.choice(["full_attention", "sliding_attention"]) for _ in range(layers)]
    if family in ("qwen2", "qwen3") and rng.random() < 0.7:
        fields["use_sliding_window"] = rng.random() < 0.7
        fields["sliding_window"] = rng.choice([3, 6, 16])
        fields["max_window_layers"] = rng.randrange(0, layers + 1)
    return fields


def experts(rng, config):
    family = config["model_type"]
    count = rng.choice([1, 2, 3, 5, 8])
    name = rng.choice(["num_experts", "num_local_experts"]) if family != "qwen2_moe" else "num_experts"
    fields = {name: count, "num_experts_per_tok": rng.randint(1, count)}
    if family != "mixtral" and rng.random() < 0.8:
        fields["norm_topk_prob"] = rng.random() < 0.5
    if family == "mixtral":
        fields["sliding_window"] = rng.choice([None, 6])
    if family.startswith("qwen"):
        fields["moe_intermediate_size"] = rng.choice([8, 20, 40])
        fields["decoder_sparse_step"] = rng.choice([1, 1, 2])
        if rng.random() < 0.4:
            fields["mlp_only_layers"] = rng.choice([None, [0], [1, 3]])
        fields["use_sliding_window"] = rng.random() < 0.3
        fields["sliding_window"] = rng.choice([3, 6, 16])
    if family == "qwen2_moe":
        fields["shared_expert_intermediate_size"] = rng.choice([8, 24])
        fields["qkv_bias"] = rng.random() < 0.7
        fields["max_window_layers"] = rng.randrange(0, config["num_hidden_layers"] + 1)
    if family == "qwen3_moe":
        fields["attention_bias"] = rng.random() < 0.4
    return fields


def config_of(rng, family):
    config = sizes(rng, family)
    config.update(attention(rng, config))
    if family in WITH_EXPERTS:
        config.update(experts(rng, config))
    config.update(gemma_rope(rng) if family == "gemma3_text" else rope(rng))
    head = rng.choice(["default", "tied", "untied"])
    if head != "default":
        config["tie_word_embeddings"] = head == "tied"
    return config


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
    embedding = tensors["model.embed_tokens.weight"]
    if tied:
        head = rng.choice(["as configured", "own", "same", "alone"])
        if head == "own":
            tensors["lm_head.weight"] = (embedding.float() + 0.05 * torch.randn(embedding.shape)).to(dtype)
        if head == "same":
            tensors["lm_head.weight"] = embedding.clone()
        if head == "alone":
            tensors["lm_head.weight"] = tensors.pop("model.embed_tokens.weight")
    if layout == "bare names" and head == "as configured":
        tensors = {name.removeprefix("model."): tensor for name, tensor in tensors.items()}
    save_file(tensors, path, metadata={"format": "pt"})
    return f"{dtype}, {layout}, head {head}"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=20)
    options = parser.parse_args()
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for number in range(options.count):
        seed = options.seed + number
        rng = random.Random(seed)
        torch.manual_seed(seed)
        family = FAMILIES[number % len(FAMILIES)]
        config = config_of(rng, family)
        directory = os.path.join(options.directory, f"{seed:05}-{family}")
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**json.loads(json.dumps(config))))
        for name, parameter in model.named_parameters():
            # Norms near one and everything else larger than HF starts with, so that texts are not one token.
            spread = 0.1 if "norm" in name else 0.2 if "bias" in name else 0.12
            parameter.data += spread * torch.randn(parameter.shape)
        files = write_weights(rng, directory, model, model.config.tie_word_embeddings)
        # What save_pretrained wrote is in the spelling of transformers 5; what is tested is ours.
        json.dump(config, open(os.path.join(directory, "config.json"), "w"), indent=1)
        if os.path.exists(os.path.join(directory, "generation_config.json")):
            os.remove(os.path.join(directory, "generation_config.json"))
        loaded = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32).eval()
        prompt = [1] + [rng.randrange(3, VOCABULARY) for _ in range(rng.choice([4, 11, 23]))]
        with torch.no_grad():
            logits = loaded(torch.tensor([prompt])).logits[0]
            ids = loaded.generate(torch.tensor([prompt]), max_new_tokens=24, do_sample=False, eos_token_id=None)
        expected = {
            "files": files,
            "prompt": prompt,
            "ids": ids[0].tolist()[len(prompt) :],
            "logits": base64.b64encode(logits.contiguous().numpy().tobytes()).decode(),
        }
        json.dump(expected, open(os.path.join(directory, "expected.json"), "w"))
        print(f"{directory}: {files}", flush=True)


if __name__ == "__main__":
    main()
