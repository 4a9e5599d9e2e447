"""Greedy continuations of SmolLM2-135M-Instruct (Q4_1 GGUF) by HF transformers: weights dequantised to
float32, CPU, eager attention, KV cache. Writes test/golden/models/smollm2.json.

    # needs torch, transformers 5, accelerate, gguf, numpy
    python test/golden/models/make_smollm2.py SmolLM2-135M-Instruct.Q4_1.gguf mt_bench.jsonl

Prompts are the first turns of the first 20 rows, in the file's own chat template with its default system
prompt; `sha256` is the rendered prompt's. `gaps` are each step's top-1 minus top-2 logit, in units of 1e-4:
a gap near 0 is a tie that another summation order may break the other way.
"""

import hashlib
import json
import sys
from pathlib import Path

import gguf
import numpy as np
import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

PROMPTS, STEPS = 20, 128
LAYER_TENSORS = dict(
    attn_norm="input_layernorm",
    attn_q="self_attn.q_proj",
    attn_k="self_attn.k_proj",
    attn_v="self_attn.v_proj",
    attn_output="self_attn.o_proj",
    ffn_norm="post_attention_layernorm",
    ffn_gate="mlp.gate_proj",
    ffn_up="mlp.up_proj",
    ffn_down="mlp.down_proj",
)


def hf_name(name):
    """blk.3.attn_q.weight -> model.layers.3.self_attn.q_proj.weight"""
    parts = name.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{LAYER_TENSORS[parts[2]]}.weight"
    return dict(token_embd="model.embed_tokens.weight", output_norm="model.norm.weight")[parts[0]]


def unpermute(weight, heads):
    """Undoes llama.cpp's row order of q and k: interleaved rotary pairs -> halves. [heads * dim, width]"""
    rows, width = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, width).swapaxes(1, 2).reshape(rows, width)


def check_dequantisation(path, model):
    """HF's tensors are the `gguf` package's, bit for bit."""
    config, tensors = model.config, model.state_dict()
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}
    for tensor in gguf.GGUFReader(path).tensors:
        weight = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        kind = tensor.name.split(".")[-2]
        if kind in heads:
            weight = unpermute(weight, heads[kind])
        if not np.array_equal(weight, tensors[hf_name(tensor.name)].numpy()):
            raise SystemExit(f"{tensor.name}: HF's weights differ from gguf's")
    print("dequantised tensors equal gguf's")


@torch.no_grad()
def greedy(model, ids, eos):
    """Up to STEPS ids, the EOS included, and the gap of each."""
    out, gaps, step, cache = [], [], ids, None
    while len(out) < STEPS and (not out or out[-1] != eos):
        result = model(torch.tensor([step]), past_key_values=cache, use_cache=True)
        cache = result.past_key_values
        top = result.logits[0, -1].topk(2)
        out.append(int(top.indices[0]))
        gaps.append(round(float(top.values[0] - top.values[1]) * 1e4))
        step = out[-1:]
    return out, gaps


def main():
    path, prompts = Path(sys.argv[1]), Path(sys.argv[2])
    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name)
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager"
    ).eval()
    check_dequantisation(path, model)
    rows = []
    for line in prompts.read_text().splitlines()[:PROMPTS]:
        question = json.loads(line)
        messages = [dict(role="user", content=question["turns"][0])]
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=True, tokenize=False)
        ids = tokenizer(text, add_special_tokens=False).input_ids
        out, gaps = greedy(model, ids, tokenizer.eos_token_id)
        digest = hashlib.sha256(text.encode()).hexdigest()
        rows.append(
            dict(question_id=question["question_id"], sha256=digest, prompt=ids, greedy=out, gaps=gaps)
        )
        start = repr(tokenizer.decode(out[:12]))
        print(question["question_id"], len(ids), len(out), min(gaps), start, flush=True)
    head = dict(
        model=path.name,
        model_sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        transformers=transformers.__version__,
        eos_token_id=tokenizer.eos_token_id,
    )
    lines = ",\n  ".join(json.dumps(row, separators=(",", ":")) for row in rows)
    fields = json.dumps(head, separators=(",", ":"))[:-1]
    golden = Path(__file__).resolve().parent / "smollm2.json"
    golden.write_text(f'{fields},"rows":[\n  {lines}\n]}}\n')


if __name__ == "__main__":
    main()
