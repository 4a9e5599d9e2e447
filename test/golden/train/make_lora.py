"""Losses of 20 steps of AdamW on LoRA adapters in PyTorch, in float32 on the CPU.

Run from the repository's root: python test/golden/train/make_lora.py
Needs torch, transformers and safetensors; writes test/golden/train/lora.json.
"""

import json
import math
from pathlib import Path

import torch
import transformers
from make_models import BATCH, LENGTH, ROOT, SETTINGS, STEPS, losses_of, rate
from transformers import AutoModelForCausalLM

RANK, ALPHA = 4, 10


class LoraLinear(torch.nn.Module):
    """y = x Wᵀ + α/r · (x Aᵀ) Bᵀ (Hu et al. 2022, section 4.1)."""

    def __init__(self, base, index):
        super().__init__()
        self.base = base.requires_grad_(False)
        count = RANK * base.in_features
        values = [math.sin(7.3 * i + index) / math.sqrt(base.in_features) for i in range(count)]
        self.lora_a = torch.nn.Parameter(torch.tensor(values).reshape(RANK, base.in_features))
        self.lora_b = torch.nn.Parameter(torch.zeros(base.out_features, RANK))

    def forward(self, x):
        return self.base(x) + ALPHA / RANK * (x @ self.lora_a.T) @ self.lora_b.T


def adapt(model, targets):
    """Replaces the targets in the order of their blocks and of a forward pass; returns their adapters."""
    adapters = []
    for layer in model.model.layers:
        for parent in (layer.self_attn, layer.mlp):
            for name in "q_proj k_proj v_proj o_proj gate_proj up_proj down_proj".split():
                if not hasattr(parent, name) or (targets != "all-linear" and name not in targets):
                    continue
                adapter = LoraLinear(getattr(parent, name), len(adapters))
                setattr(parent, name, adapter)
                adapters.append(adapter)
    return adapters


def run(targets, seed):
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(
        ROOT / "test/fixtures/llama", dtype=torch.float32, attn_implementation="eager"
    ).requires_grad_(False)
    tokens = torch.randint(3, model.config.vocab_size, (BATCH, LENGTH + 1))
    ids, targets_of = tokens[:, :-1], tokens[:, 1:]
    weights = torch.randint(0, 2, (BATCH, LENGTH)).float()
    base_loss = losses_of(model, ids, targets_of, weights).item()
    adapters = adapt(model, targets)
    trained = [p for p in model.parameters() if p.requires_grad]
    assert len(trained) == 2 * len(adapters)
    optimiser = torch.optim.AdamW(
        trained,
        lr=SETTINGS["learning_rate"],
        betas=(SETTINGS["beta1"], SETTINGS["beta2"]),
        eps=SETTINGS["epsilon"],
        weight_decay=SETTINGS["weight_decay"],
    )
    losses = []
    for step in range(1, STEPS + 1):
        optimiser.param_groups[0]["lr"] = SETTINGS["learning_rate"] * rate(step, "cosine")
        optimiser.zero_grad()
        loss = losses_of(model, ids, targets_of, weights)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, SETTINGS["max_gradient_norm"])
        optimiser.step()
        losses.append(loss.item())
    return {
        "target_modules": targets,
        "ids": ids.flatten().tolist(),
        "targets": targets_of.flatten().tolist(),
        "weights": weights.flatten().tolist(),
        "base_loss": base_loss,
        "losses": losses,
        "logits": model(input_ids=ids[:1], use_cache=False).logits[0, -1].tolist(),
    }


if __name__ == "__main__":
    golden = {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "batch": BATCH,
        "length": LENGTH,
        "settings": SETTINGS,
        "r": RANK,
        "lora_alpha": ALPHA,
        "runs": [run(["q_proj", "v_proj"], 1), run("all-linear", 2)],
    }
    (Path(__file__).parent / "lora.json").write_text(json.dumps(golden) + "\n")
