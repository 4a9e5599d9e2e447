"""Makes the golden files of test/weights: python make_golden.py (torch, transformers, gguf, safetensors).

dequantise.json    blocks of every GGUF type with the fp32 values of gguf.quants.dequantize
half.safetensors   F16, BF16 and F32 roundings of the same fp32 values, written by safetensors.torch
<arch>.gguf        a tiny random model, converted as llama.cpp's convert_hf_to_gguf.py does
split/*.gguf       the same of Qwen 3 in three parts, of which the first has no tensors
models.json        for each of them HF's tensors (SHA-256 of the fp32 bytes) and configuration
"""

import base64
import hashlib
import json
from pathlib import Path

import gguf
import numpy as np
import torch
from gguf.quants import dequantize, quantize
from safetensors.torch import save_file
from transformers import (
    AutoModelForCausalLM,
    Gemma3TextConfig,
    LlamaConfig,
    Qwen2Config,
    Qwen3Config,
)
from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

HERE = Path(__file__).parent
QT = gguf.GGMLQuantizationType
# Where each type's fp16 scales lie in a block: random bytes there could be NaN.
SCALES_AT = {
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
    "Q2_K": [80, 82],
    "Q3_K": [108],
    "IQ4_XS": [0],
    "IQ4_NL": [0],
    "TQ1_0": [52],
    "TQ2_0": [64],
    # Their scales are bytes, of which all are numbers.
    "MXFP4": [],
    "NVFP4": [],
}


def base64_of(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def random_blocks(name, count, rng):
    """Every byte random but the scales, among them a negative, a zero and a subnormal one."""
    blocks = rng.integers(0, 256, (count, gguf.GGML_QUANT_SIZES[QT[name]][1]), dtype=np.uint8)
    for at in SCALES_AT[name]:
        scales = rng.normal(0, 0.01, count).astype(np.float16)
        scales[:3] = [-0.01, 0, 3e-7]
        blocks[:, at : at + 2] = scales.view(np.uint8).reshape(count, 2)
    if not SCALES_AT[name]:
        # Zero or the smallest power of two, a subnormal one, NaN or infinity, an infinite product.
        blocks[:6, 0] = [0, 1, 0x7F, 0xFF, 0x80, 0xFD]
    return blocks


def golden_dequantise():
    rng = np.random.default_rng(1)
    golden = {}
    for name in ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", *SCALES_AT]:
        if name in SCALES_AT:
            data = random_blocks(name, 6 if name.endswith(("_K", "_XS")) else 10, rng)
        else:
            values = rng.normal(0, 0.05, (8, 32)).astype(np.float32)
            values[0], values[1], values[2, 0] = 0, np.abs(values[1]), 30
            data = quantize(values, QT[name])
        golden[name] = {
            "blocks": base64_of(data),
            "values": base64_of(dequantize(data, QT[name]).astype(np.float32)),
        }
    (HERE / "dequantise.json").write_text(json.dumps(golden, indent=1) + "\n")


def golden_half():
    torch.manual_seed(2)
    values = torch.cat([
        torch.randn(400),
        torch.randn(200) * 2.0 ** torch.randint(-26, 18, (200,)),
        # Ties of fp16 and bf16, the borders to subnormals, zero and infinity.
        torch.tensor([1 + 2**-11, 1 + 3 * 2**-11, 1 + 2**-8, 1 + 3 * 2**-8, 65519.0, 65520.0, -65520.0]),
        torch.tensor([2**-14, 2**-14 - 2**-25, 2**-24, 2**-25, 3 * 2**-25, -(2**-26), 0.0, -0.0]),
        torch.tensor([3.4e38, 3.4028235e38, float("inf"), -float("inf")]),
    ])
    tensors = {"f32": values, "f16": values.half(), "bf16": values.bfloat16(), "scalar": torch.tensor(1.5)}
    path = HERE / "half.safetensors"
    save_file(tensors, path, metadata={"format": "pt"})
    path.chmod(0o644)


COMMON = dict(
    hidden_size=16,
    intermediate_size=24,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    vocab_size=20,
    max_position_embeddings=64,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
)
# Llama has biases, since their rows are permuted too, and heads of 6: the permutation of 4 rows is its own
# inverse. Tied and untied embeddings both occur.
CONFIGS = {
    "llama": LlamaConfig(
        **(COMMON | {"hidden_size": 24, "num_hidden_layers": 1}),
        attention_bias=True,
        tie_word_embeddings=False,
        rms_norm_eps=1e-5,
    ),
    "qwen2": Qwen2Config(**COMMON, tie_word_embeddings=True, rms_norm_eps=1e-6),
    "qwen3": Qwen3Config(**COMMON, head_dim=6, tie_word_embeddings=True, rms_norm_eps=1e-6),
    "gemma3": Gemma3TextConfig(
        **(COMMON | {"num_hidden_layers": 1}), head_dim=8, query_pre_attn_scalar=8, sliding_window=12
    ),
}
ROPE_THETA = {"llama": 500000.0, "qwen2": 1000000.0, "qwen3": 1000000.0, "gemma3": 1000000.0}
FREQ_FACTORS = np.array([1.0, 2.5, 32.0], dtype=np.float32)


def permute(rows, heads):
    """LlamaModel.permute of convert_hf_to_gguf.py."""
    return rows.reshape(heads, 2, rows.shape[0] // heads // 2, *rows.shape[1:]).swapaxes(1, 2).reshape(rows.shape)


def random_model(config):
    torch.manual_seed(3)
    model = AutoModelForCausalLM.from_config(config).float()
    for parameter in model.parameters():
        # Values of bf16, as published checkpoints have: Gemma's 1 + w is then exact in fp32.
        parameter.data = (torch.randn_like(parameter) * 0.1).bfloat16().float()
    return model


def convert(arch, config, state, path, **split):
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[arch.upper()], config.num_hidden_layers)
    writer = gguf.GGUFWriter(path, arch, **split)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(ROPE_THETA[arch])
    writer.add_bos_token_id(config.bos_token_id)
    writer.add_eos_token_id(config.eos_token_id)
    writer.add_pad_token_id(config.pad_token_id)
    writer.add_token_list([f"t{i}" for i in range(config.vocab_size)])
    if arch in ("qwen3", "gemma3"):
        writer.add_key_length(config.head_dim)
        writer.add_value_length(config.head_dim)
    if arch == "gemma3":
        writer.add_sliding_window(config.sliding_window)
    if arch == "llama":
        writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
        writer.add_tensor("rope_freqs.weight", FREQ_FACTORS)
    for name, tensor in state.items():
        data = tensor.numpy()
        if arch == "llama" and ".q_proj." in name:
            data = permute(data, config.num_attention_heads)
        if arch == "llama" and ".k_proj." in name:
            data = permute(data, config.num_key_value_heads)
        if arch == "gemma3" and name.endswith("norm.weight"):
            data = data + np.float32(1)
        stored = names.get_name(name, try_suffixes=(".weight", ".bias"))
        writer.add_tensor(stored, data)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def check_with_transformers(path, model, state):
    """HF's own GGUF reader must give back the same tensors: the conversion above is what HF undoes."""
    loaded = load_gguf_checkpoint(str(path), return_tensors=True, model_to_load=model)
    for name, tensor in loaded["tensors"].items():
        assert torch.equal(tensor, state[name]), name
    assert state.keys() == loaded["tensors"].keys()
    return loaded["config"]


def golden_models():
    golden = {}
    for arch, config in CONFIGS.items():
        model = random_model(config)
        state = model.state_dict()
        if config.tie_word_embeddings:
            state.pop("lm_head.weight", None)
        path = HERE / f"{arch}.gguf"
        convert(arch, config, state, path)
        if arch == "qwen3":
            (HERE / "split").mkdir(exist_ok=True)
            convert(arch, config, state, HERE / "split" / path.name, split_max_tensors=12, small_first_shard=True)
        hf_config = check_with_transformers(path, model, state)
        fields = {key: getattr(config, key) for key in COMMON}
        fields |= {"model_type": config.model_type, "rms_norm_eps": float(np.float32(config.rms_norm_eps))}
        fields |= {"tie_word_embeddings": config.tie_word_embeddings, "rope_theta": ROPE_THETA[arch]}
        fields |= {"head_dim": getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads}
        if arch == "gemma3":
            fields |= {k: getattr(config, k) for k in ["sliding_window", "query_pre_attn_scalar", "layer_types"]}
        for key in hf_config.keys() & fields.keys() - {"rms_norm_eps"}:
            assert hf_config[key] == fields[key], (key, hf_config[key], fields[key])
        golden[arch] = {
            "config": fields,
            "tensors": {
                name: {"shape": list(t.shape), "sha256": hashlib.sha256(t.numpy().tobytes()).hexdigest()}
                for name, t in state.items()
            },
        }
    (HERE / "models.json").write_text(json.dumps(golden, indent=1) + "\n")


if __name__ == "__main__":
    golden_dequantise()
    golden_half()
    golden_models()
