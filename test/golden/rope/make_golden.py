"""Rotary frequencies of HF transformers at the sizes of real models (test/golden/rope/golden.json).

    python test/golden/rope/make_golden.py        # needs torch, transformers 5

A case holds config.json as transformers 5 writes it (`v5`) and as transformers 4 did (`v4`), and by kind of layer
`inverse_frequencies`, float32 [head_dim / 2], and `cos` and `sin`, float32 [positions, head_dim / 2]; all values are
little-endian float32 in base64.
"""

import base64
import json
from pathlib import Path

import torch
import transformers
from transformers import Gemma3TextConfig, LlamaConfig, Qwen2Config, Qwen3Config
from transformers.models.gemma3.modeling_gemma3 import Gemma3RotaryEmbedding
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.qwen2.modeling_qwen2 import Qwen2RotaryEmbedding
from transformers.models.qwen3.modeling_qwen3 import Qwen3RotaryEmbedding

POSITIONS = [0, 1, 7, 100, 1023, 8191, 32767]
FAMILIES = {
    "llama": (LlamaConfig, LlamaRotaryEmbedding),
    "qwen2": (Qwen2Config, Qwen2RotaryEmbedding),
    "qwen3": (Qwen3Config, Qwen3RotaryEmbedding),
    "gemma3_text": (Gemma3TextConfig, Gemma3RotaryEmbedding),
}


def sizes(hidden, heads, kv_heads, head_dim, layers, intermediate, vocab, positions):
    return dict(
        hidden_size=hidden,
        num_attention_heads=heads,
        num_key_value_heads=kv_heads,
        head_dim=head_dim,
        num_hidden_layers=layers,
        intermediate_size=intermediate,
        vocab_size=vocab,
        max_position_embeddings=positions,
    )


def llama3(factor):
    return dict(
        rope_type="llama3",
        factor=factor,
        low_freq_factor=1.0,
        high_freq_factor=4.0,
        original_max_position_embeddings=8192,
    )


# The fields of each model's config.json as its authors published it, in the names of transformers 4.
MODELS = {
    "SmolLM2-135M": dict(
        model_type="llama", rope_theta=100000, **sizes(576, 9, 3, 64, 30, 1536, 49152, 8192)
    ),
    "Llama-2-7B": dict(
        model_type="llama", rope_theta=10000.0, **sizes(4096, 32, 32, 128, 32, 11008, 32000, 4096)
    ),
    "Llama-2-7B, linear": dict(
        model_type="llama",
        rope_theta=10000.0,
        rope_scaling=dict(type="linear", factor=4.0),
        **sizes(4096, 32, 32, 128, 32, 11008, 32000, 4096),
    ),
    "Llama-3.1-8B": dict(
        model_type="llama",
        rope_theta=500000.0,
        rope_scaling=llama3(8.0),
        **sizes(4096, 32, 8, 128, 32, 14336, 128256, 131072),
    ),
    "Llama-3.2-1B": dict(
        model_type="llama",
        rope_theta=500000.0,
        rope_scaling=llama3(32.0),
        tie_word_embeddings=True,
        **sizes(2048, 32, 8, 64, 16, 8192, 128256, 131072),
    ),
    "Qwen2.5-0.5B": dict(
        model_type="qwen2",
        rope_theta=1000000.0,
        use_sliding_window=False,
        sliding_window=32768,
        max_window_layers=24,
        tie_word_embeddings=True,
        **{k: v for k, v in sizes(896, 14, 2, 64, 24, 4864, 151936, 32768).items() if k != "head_dim"},
    ),
    "Qwen2, sliding": dict(
        model_type="qwen2",
        rope_theta=1000000.0,
        use_sliding_window=True,
        sliding_window=4096,
        max_window_layers=5,
        **{k: v for k, v in sizes(896, 14, 2, 64, 8, 4864, 151936, 32768).items() if k != "head_dim"},
    ),
    "Qwen3-0.6B": dict(
        model_type="qwen3",
        rope_theta=1000000,
        tie_word_embeddings=True,
        **sizes(1024, 16, 8, 128, 28, 3072, 151936, 40960),
    ),
    "Gemma-3-1B": dict(
        model_type="gemma3_text",
        rope_theta=1000000,
        rope_local_base_freq=10000,
        sliding_window=512,
        sliding_window_pattern=6,
        query_pre_attn_scalar=256,
        **sizes(1152, 4, 1, 256, 26, 6912, 262144, 32768),
    ),
    "Gemma-3-4B": dict(
        model_type="gemma3_text",
        rope_theta=1000000.0,
        rope_local_base_freq=10000.0,
        rope_scaling=dict(rope_type="linear", factor=8.0),
        sliding_window=1024,
        sliding_window_pattern=6,
        query_pre_attn_scalar=256,
        **sizes(2560, 8, 4, 256, 34, 10240, 262208, 131072),
    ),
}


def base64_of(tensor):
    return base64.b64encode(tensor.detach().to(torch.float32).numpy().astype("<f4").tobytes()).decode()


def tables(frequencies):
    angles = torch.tensor(POSITIONS, dtype=torch.float32)[:, None] * frequencies[None, :]
    return dict(
        inverse_frequencies=base64_of(frequencies), cos=base64_of(angles.cos()), sin=base64_of(angles.sin())
    )


def case(name, v4):
    config_class, rotary_class = FAMILIES[v4["model_type"]]
    config = config_class.from_dict(v4)
    rotary = rotary_class(config)
    if v4["model_type"] == "gemma3_text":
        kinds = {kind: getattr(rotary, f"{kind}_attention_inv_freq") for kind in ("full", "sliding")}
    else:
        kinds = {"full": rotary.inv_freq}
        # The module computes what `tables` does.
        cos, _ = rotary(torch.zeros(1), torch.tensor([POSITIONS]))
        assert torch.equal(cos[0, :, : cos.shape[-1] // 2], (torch.tensor(POSITIONS)[:, None] * rotary.inv_freq).cos())
        assert rotary.attention_scaling == 1
    return dict(
        name=name,
        v4=v4,
        v5=json.loads(config.to_json_string(use_diff=False)),
        kinds={kind: tables(frequencies) for kind, frequencies in kinds.items()},
    )


def main():
    golden = dict(
        transformers=transformers.__version__,
        positions=POSITIONS,
        cases=[case(name, v4) for name, v4 in MODELS.items()],
    )
    path = Path(__file__).resolve().parent / "golden.json"
    path.write_text(json.dumps(golden, indent=1) + "\n")
    print(f"{len(golden['cases'])} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
