"""Tiny random models of each family (test/fixtures/<name>/) and what HF transformers computes with them
(test/golden/models/<name>.json). float32, CPU, eager attention.

    python test/golden/models/make_fixtures.py        # needs torch, transformers 5, numpy

A golden holds a random prompt, 32 greedily decoded ids and, little-endian float32 in base64, 33 rows each of
`logits` (x vocab_size) and `hidden` (after the final norm, x hidden_size): row 0 is the prompt's last
position, row i the position of greedy id i - 1. `llama.json` also has the logits of every prompt position.
"""

import base64
import json
import shutil
from pathlib import Path

import torch
import transformers
from transformers import (
    AutoModelForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

GOLDENS = Path(__file__).resolve().parent
FIXTURES = GOLDENS.parent.parent / "fixtures"
PROMPT_LENGTH, STEPS, EOS = 12, 32, 2

COMMON = dict(
    vocab_size=320,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    max_position_embeddings=128,
    bos_token_id=1,
    eos_token_id=EOS,
    pad_token_id=0,
)
SMALL = dict(COMMON, hidden_size=32, intermediate_size=64, num_hidden_layers=3)
LLAMA3_ROPE = dict(
    rope_type="llama3",
    factor=4.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=32,
)


def llama():
    rope = dict(rope_type="default", rope_theta=10000.0)
    config = LlamaConfig(
        **COMMON, hidden_size=64, intermediate_size=96, num_hidden_layers=3, rope_parameters=rope
    )
    return LlamaForCausalLM(config)


def llama3_rope():
    rope = dict(LLAMA3_ROPE, rope_theta=500.0)
    return LlamaForCausalLM(LlamaConfig(**SMALL, rope_parameters=rope, tie_word_embeddings=True))


def qwen2():
    rope = dict(rope_type="default", rope_theta=1000000.0)
    sizes = {key: value for key, value in SMALL.items() if key != "head_dim"}
    sizes |= dict(num_attention_heads=2, num_key_value_heads=1)
    return Qwen2ForCausalLM(
        Qwen2Config(**sizes, rope_parameters=rope, rms_norm_eps=1e-6, tie_word_embeddings=True)
    )


def qwen3():
    rope = dict(rope_type="default", rope_theta=1000000.0)
    return Qwen3ForCausalLM(
        Qwen3Config(**SMALL, rope_parameters=rope, rms_norm_eps=1e-6, tie_word_embeddings=False)
    )


def gemma3():
    layers = ["sliding_attention", "sliding_attention", "full_attention"] * 2
    rope = {
        "sliding_attention": dict(rope_type="default", rope_theta=100.0),
        "full_attention": dict(rope_type="default", rope_theta=10000.0),
    }
    sizes = dict(SMALL, intermediate_size=48, num_hidden_layers=6)
    config = Gemma3TextConfig(
        **sizes, layer_types=layers, sliding_window=8, query_pre_attn_scalar=24, rope_parameters=rope
    )
    return Gemma3ForCausalLM(config)


def randomise(model, seed):
    """Weights of which each one matters: scaled so that attention is neither uniform nor one-hot and the
    logits spread over several units; biases and norms are away from their neutral values."""
    generator = torch.Generator().manual_seed(seed)
    gemma = type(model).__name__.startswith("Gemma")
    norm_mean = 0.5 if gemma else 1.0  # Gemma multiplies by 1 + weight
    embedding_std = 0.3 if gemma else 0.6  # Gemma scales by sqrt(hidden_size)
    for name, weight in model.named_parameters():
        if name.endswith("bias"):
            mean, std = 0.0, 0.5
        elif weight.dim() == 1:
            mean, std = norm_mean, 0.25
        elif "embed_tokens" in name:
            mean, std = 0.0, embedding_std
        else:
            gain = 2.0 if "lm_head" in name else 1.3
            mean, std = 0.0, gain / weight.shape[1] ** 0.5
        weight.data.normal_(mean, std, generator=generator)


@torch.no_grad()
def run(model, ids, past=None, use_cache=True):
    out = model.model(torch.tensor([ids]), past_key_values=past, use_cache=use_cache)
    hidden = out.last_hidden_state
    return model.lm_head(hidden)[0], hidden[0], out.past_key_values


def decode(model, prompt):
    """Greedy decoding with the KV cache: ids, logits [33, vocab], hidden [33, width], prompt logits."""
    prompt_logits, states, cache = run(model, prompt)
    logits, hidden, ids = [prompt_logits[-1]], [states[-1]], []
    for _ in range(STEPS):
        ids.append(int(logits[-1].argmax()))
        step, state, cache = run(model, ids[-1:], cache)
        logits.append(step[-1])
        hidden.append(state[-1])
    return ids, torch.stack(logits), torch.stack(hidden), prompt_logits


def first_clear(make):
    """The first seed whose greedy text is varied, without EOS and without near-ties, and its prompt."""
    for seed in range(100):
        model = make().eval()
        model.set_attn_implementation("eager")
        randomise(model, seed)
        generator = torch.Generator().manual_seed(1000 + seed)
        prompt = torch.randint(3, COMMON["vocab_size"], (PROMPT_LENGTH,), generator=generator).tolist()
        ids, logits, _, _ = decode(model, prompt)
        top = logits.topk(2).values
        if EOS not in ids and len(set(ids)) >= 12 and (top[:, 0] - top[:, 1]).min() > 0.02:
            return model, prompt
    raise SystemExit("no seed gives a clear greedy text")


def base64_of(tensor):
    return base64.b64encode(tensor.numpy().astype("<f4").tobytes()).decode()


def load(name):
    path = FIXTURES / name
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()


def write_golden(name, prompt, also=(), all_positions=False):
    """Decodes with the fixture as HF loads it back in float32, and checks the KV cache against none."""
    model = load(name)
    ids, logits, hidden, prompt_logits = decode(model, prompt)
    for other in also:
        difference = (decode(load(other), prompt)[1] - logits).abs().max()
        assert difference < 2e-5, f"{other} differs from {name} by {difference}"
    full = run(model, prompt + ids, use_cache=False)[0]
    no_cache = (full[PROMPT_LENGTH - 1 :] - logits).abs().max().item()
    top = logits.topk(2).values
    golden = dict(
        fixtures=[name, *also],
        transformers=transformers.__version__,
        vocab_size=logits.shape[1],
        hidden_size=hidden.shape[1],
        prompt=prompt,
        greedy=ids,
        logits=base64_of(logits),
        hidden=base64_of(hidden),
    )
    if all_positions:
        golden["prompt_logits"] = base64_of(prompt_logits)
    (GOLDENS / f"{name}.json").write_text(json.dumps(golden, indent=1, separators=(",", ":")) + "\n")
    print(
        f"{name:13} logits std {logits.std():.2f}  smallest top-2 gap {(top[:, 0] - top[:, 1]).min():.3f}"
        f"  distinct ids {len(set(ids))}  cache vs none {no_cache:.1e}"
    )


def save(model, name, **options):
    shutil.rmtree(FIXTURES / name, ignore_errors=True)
    model.save_pretrained(FIXTURES / name, **options)


def edit_config(source, name, **changes):
    """A copy of a fixture whose config.json has other keys; a value of None removes the key."""
    shutil.rmtree(FIXTURES / name, ignore_errors=True)
    shutil.copytree(FIXTURES / source, FIXTURES / name)
    path = FIXTURES / name / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({k: v for k, v in config.items() if v is not None}, indent=2) + "\n")


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    for name, make in dict(llama=llama, qwen2=qwen2, qwen3=qwen3, gemma3=gemma3).items():
        model, prompt = first_clear(make)
        save(model, name)
        also = []
        if name == "llama":
            also = ["llama-sharded"]
            save(model, also[0], max_shard_size="300KB")
        if name == "gemma3":
            also = ["gemma3-v4-config"]
            edit_config(
                name,
                also[0],
                rope_parameters=None,
                layer_types=None,
                _sliding_window_pattern=None,
                dtype=None,
                torch_dtype="float32",
                rope_theta=10000.0,
                rope_local_base_freq=100.0,
                rope_scaling=None,
                sliding_window_pattern=3,
            )
        write_golden(name, prompt, also, all_positions=name == "llama")

    model, prompt = first_clear(llama3_rope)
    save(model, "llama3-rope")
    edit_config(
        "llama3-rope",
        "llama-v4-config",
        rope_parameters=None,
        dtype=None,
        torch_dtype="float32",
        rope_theta=500.0,
        rope_scaling=LLAMA3_ROPE,
    )
    write_golden("llama3-rope", prompt, ["llama-v4-config"])
    save(model.to(torch.bfloat16), "llama-bf16")
    write_golden("llama-bf16", prompt)
    model, prompt = first_clear(llama3_rope)
    save(model.to(torch.float16), "llama-f16")
    write_golden("llama-f16", prompt)


if __name__ == "__main__":
    main()
