"""Losses, gradients and 20 steps of AdamW of PyTorch for the fixture models, in float32 on the CPU.

Run from the repository's root: python test/golden/train/make_models.py [models] [experts] [convolutions]
Needs torch, transformers and safetensors; writes test/golden/train/models.json, experts.json and convolutions.json.
"""

import json
import math
import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM

ROOT = Path(__file__).parents[3]
FIXTURES = {
    "models": [
        "llama",
        "llama3-rope",
        "qwen2",
        "qwen3",
        "gemma3",
        "gemma2",
        "granite",
        "olmo3",
        "smollm3-sliding",
    ],
    "experts": ["qwen3_moe", "qwen2_moe"],
    "convolutions": ["lfm2", "lfm2-biased"],
}
BATCH, LENGTH, STEPS = 4, 24, 20
SETTINGS = {
    "learning_rate": 3e-3,
    "warmup_steps": 5,
    "minimum": 0.1,
    "beta1": 0.9,
    "beta2": 0.95,
    "epsilon": 1e-8,
    "weight_decay": 0.1,
    "max_gradient_norm": 0.5,
}


def rate(step, schedule):
    if step < SETTINGS["warmup_steps"]:
        return step / SETTINGS["warmup_steps"]
    progress = (step - SETTINGS["warmup_steps"]) / (STEPS - SETTINGS["warmup_steps"])
    share = (1 + math.cos(math.pi * progress)) / 2 if schedule == "cosine" else 1 - progress
    return share * (1 - SETTINGS["minimum"]) + SETTINGS["minimum"]


def losses_of(model, ids, targets, weights):
    logits = model(input_ids=ids, use_cache=False).logits
    losses = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return (losses * weights.flatten()).sum() / weights.sum()


def parts(key, gradient):
    """Of what holds all experts, those of each, by the names of checkpoints."""
    if ".experts." not in key:
        return [(key, gradient)]
    names = ["gate_proj", "up_proj"] if key.endswith("gate_up_proj") else ["down_proj"]
    return [
        (f"{key.rsplit('.', 1)[0]}.{expert}.{name}.weight", part)
        for expert, own in enumerate(gradient)
        for name, part in zip(names, own.chunk(len(names)))
    ]


def run(name, index):
    torch.manual_seed(index)
    model = AutoModelForCausalLM.from_pretrained(
        ROOT / "test/fixtures" / name, dtype=torch.float32, attn_implementation="eager"
    )
    model.train()
    tokens = torch.randint(3, model.config.vocab_size, (BATCH, LENGTH + 1))
    ids, targets = tokens[:, :-1], tokens[:, 1:]
    # Some tokens do not count, and some count half.
    weights = torch.randint(0, 3, (BATCH, LENGTH)).float() / 2
    named = dict(model.named_parameters())
    loss = losses_of(model, ids, targets, weights)
    loss.backward()
    gradients = {
        part: {"norm": gradient.norm().item(), "first": gradient.flatten()[:4].tolist()}
        for key, value in named.items()
        for part, gradient in parts(key, value.grad)
    }
    schedule = "cosine" if index % 2 == 0 else "linear"
    decayed = [value for value in named.values() if value.dim() > 1]
    plain = [value for value in named.values() if value.dim() == 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": SETTINGS["weight_decay"]}, {"params": plain, "weight_decay": 0.0}],
        lr=SETTINGS["learning_rate"],
        betas=(SETTINGS["beta1"], SETTINGS["beta2"]),
        eps=SETTINGS["epsilon"],
    )
    steps = []
    for step in range(1, STEPS + 1):
        for group in optimiser.param_groups:
            group["lr"] = SETTINGS["learning_rate"] * rate(step, schedule)
        optimiser.zero_grad()
        loss = losses_of(model, ids, targets, weights)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), SETTINGS["max_gradient_norm"])
        optimiser.step()
        steps.append({"loss": loss.item(), "gradient_norm": norm.item(), "learning_rate": optimiser.param_groups[0]["lr"]})
    return {
        "model": name,
        "schedule": schedule,
        "ids": ids.flatten().tolist(),
        "targets": targets.flatten().tolist(),
        "weights": weights.flatten().tolist(),
        "gradients": gradients,
        "steps": steps,
    }


if __name__ == "__main__":
    for file in sys.argv[1:] or FIXTURES:
        golden = {
            "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
            "batch": BATCH,
            "length": LENGTH,
            "settings": SETTINGS,
            "runs": [run(name, index) for index, name in enumerate(FIXTURES[file])],
        }
        (Path(__file__).parent / f"{file}.json").write_text(json.dumps(golden) + "\n")
