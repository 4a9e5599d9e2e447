"""Tiny random models with experts, as make_fixtures_layouts.py has them of other families: fixtures in float16 with a tensor for each
expert (`mixtral-joined`: with all of them in one, as transformers 5 holds them), goldens in float32, and the same models as GGUF.

    python test/golden/models/make_fixtures_experts.py [NAME ...]        # needs torch, transformers 5, numpy, gguf, safetensors
"""

import sys

import gguf
import make_fixtures_layouts as layouts
import numpy as np
import torch
import transformers
from make_fixtures import FIXTURES, edit_config, save, write_golden
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

THETA = layouts.THETA
QWEN = dict(head_dim=8, rope_parameters=THETA, moe_intermediate_size=16, num_experts=6, num_experts_per_tok=3)
MODELS = {
    "qwen3_moe": dict(QWEN, norm_topk_prob=True),
    # Layers 1 and 5 have experts.
    "qwen3_moe-sparse": dict(
        QWEN, norm_topk_prob=False, num_hidden_layers=6, decoder_sparse_step=2, mlp_only_layers=[3], tie_word_embeddings=True
    ),
    "qwen2_moe": dict(QWEN, shared_expert_intermediate_size=20, norm_topk_prob=False),
    "olmoe": dict(rope_parameters=THETA, intermediate_size=16, num_experts=6, num_experts_per_tok=2),
    "mixtral": dict(head_dim=8, rope_parameters=THETA, intermediate_size=16, num_local_experts=5, num_experts_per_tok=2),
    "mixtral-window": dict(
        head_dim=8, rope_parameters=THETA, intermediate_size=16, num_local_experts=4, num_experts_per_tok=2, sliding_window=8
    ),
}
layouts.MODELS.update(MODELS)
layouts.ARCHITECTURES.update(
    qwen3_moe=gguf.MODEL_ARCH.QWEN3MOE, qwen2_moe=gguf.MODEL_ARCH.QWEN2MOE, olmoe=gguf.MODEL_ARCH.OLMOE, mixtral=gguf.MODEL_ARCH.LLAMA
)


def permuted(rows, heads):
    """A Llama's queries and keys as its converter orders them, for Meta's rotary embedding."""
    return rows.reshape(heads, 2, -1, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def tensors(name, model):
    """By llama.cpp's names of HF's: the experts of a layer in one tensor for each projection."""
    config = model.config
    for key, tensor in model.state_dict().items():
        data = tensor.float().numpy()
        if key == "lm_head.weight" and config.tie_word_embeddings:
            continue
        if key.endswith("experts.gate_up_proj"):
            gate, up = np.split(data, 2, axis=1)
            yield key.replace("gate_up_proj", "gate_proj"), gate
            yield key.replace("gate_up_proj", "up_proj"), up
        elif name == "mixtral" and ".q_proj." in key:
            yield key, permuted(data, config.num_attention_heads)
        elif name == "mixtral" and ".k_proj." in key:
            yield key, permuted(data, config.num_key_value_heads)
        else:
            yield key, data


def write_gguf(name, model):
    config, arch = model.config, layouts.ARCHITECTURES[name]
    names = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    writer = gguf.GGUFWriter(FIXTURES / name / f"{name}.gguf", gguf.MODEL_ARCH_NAMES[arch])
    layouts.write_metadata(writer, config, name)
    writer.add_expert_count(getattr(config, "num_local_experts", None) or config.num_experts)
    writer.add_expert_used_count(config.num_experts_per_tok)
    if hasattr(config, "moe_intermediate_size"):
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    if hasattr(config, "shared_expert_intermediate_size"):
        writer.add_expert_shared_feed_forward_length(config.shared_expert_intermediate_size)
    for key, data in tensors(name, model):
        # Vectors and routers stay float32, as with the converter.
        is_exact = data.ndim == 1 or "mlp.gate." in key
        values = data if is_exact else np.ascontiguousarray(data, dtype=np.float16)
        stored = names.get_name(key, try_suffixes=(".weight", ".bias"))
        writer.add_tensor(stored if stored.endswith((".weight", ".bias")) else f"{stored}.weight", values)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main():
    torch.set_num_threads(1)
    transformers.utils.logging.disable_progress_bar()
    for name in sys.argv[1:] or MODELS:
        model, prompt = layouts.first_clear(lambda: AutoModelForCausalLM.from_config(layouts.config_of(name)))
        save(model.half(), name)
        (FIXTURES / name / "generation_config.json").unlink(missing_ok=True)
        also = []
        if name == "mixtral":
            also = [f"{name}-joined"]
            edit_config(name, also[0])
            whole = {key: tensor.contiguous() for key, tensor in model.state_dict().items()}
            save_file(whole, FIXTURES / also[0] / "model.safetensors", metadata={"format": "pt"})
        write_golden(name, prompt, also)
        if name in layouts.ARCHITECTURES:
            write_gguf(name, model)


if __name__ == "__main__":
    main()
