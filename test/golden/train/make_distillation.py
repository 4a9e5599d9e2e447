"""Losses of 20 steps of AdamW of a student that learns from a teacher in PyTorch, in float32 on the CPU.

Run from the repository's root: python test/golden/train/make_distillation.py
Needs torch, transformers and safetensors; writes test/golden/train/distillation.json.
"""

import json
import math
from pathlib import Path

import torch
import transformers
from make_models import BATCH, LENGTH, ROOT, SETTINGS, STEPS, rate
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM

STUDENT = {
    "model_type": "llama",
    "vocab_size": 320,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "max_position_embeddings": 64,
    "rms_norm_eps": 1e-5,
    "rope_theta": 500.0,
    "tie_word_embeddings": True,
}


def student():
    """Norms 1, matrices by a formula, numbered by their names' alphabetical order."""
    config = LlamaConfig(**{**STUDENT, "rope_parameters": {"rope_theta": 500.0, "rope_type": "default"}})
    config._attn_implementation = "eager"
    model = LlamaForCausalLM(config)
    for index, (_, value) in enumerate(sorted(model.named_parameters())):
        if value.dim() == 1:
            torch.nn.init.ones_(value)
            continue
        values = [0.1 * math.sin(7.3 * i + index) for i in range(value.numel())]
        with torch.no_grad():
            value.copy_(torch.tensor(values).reshape(value.shape))
    return model


def loss_of(logits, teacher, targets, weights, alpha, temperature):
    """Σ w · (α T² · H(p_T, q_T) + (1 - α) · -log q[target]) / Σ w (Hinton et al. 2015, section 2)."""
    p = (teacher / temperature).softmax(-1)
    soft = -(p * (logits / temperature).log_softmax(-1)).sum(-1)
    hard = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    losses = alpha * temperature**2 * soft.flatten() + (1 - alpha) * hard
    return (losses * weights.flatten()).sum() / weights.sum()


def figures(logits, teacher, targets, weights):
    def mean(values):
        return ((values.float() * weights).sum() / weights.sum()).item()

    hard = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    agrees = (logits.argmax(-1) == teacher.argmax(-1)).float()

    def in_a_row(count):
        """The share of tokens from which on `count` choices are the same, weighed as the last of them."""
        runs = torch.stack([agrees[:, i : LENGTH - count + 1 + i] for i in range(count)]).prod(0)
        by = weights[:, count - 1 :]
        return ((runs * by).sum() / by.sum()).item()

    return {
        "cross_entropy": mean(hard.reshape(weights.shape)),
        "agreement": mean(agrees),
        **{f"agreement_{count}": in_a_row(count) for count in (2, 3, 4)},
        "acceptance": mean(torch.minimum(logits.softmax(-1), teacher.softmax(-1)).sum(-1)),
    }


def run(alpha, temperature, seed):
    torch.manual_seed(seed)
    target = AutoModelForCausalLM.from_pretrained(
        ROOT / "test/fixtures/llama", dtype=torch.float32, attn_implementation="eager"
    )
    model = student()
    tokens = torch.randint(3, STUDENT["vocab_size"], (BATCH, LENGTH + 1))
    ids, targets = tokens[:, :-1], tokens[:, 1:]
    weights = torch.randint(0, 3, (BATCH, LENGTH)).float() / 2
    with torch.no_grad():
        teacher = target(input_ids=ids, use_cache=False).logits
    decayed = [value for value in model.parameters() if value.dim() > 1]
    plain = [value for value in model.parameters() if value.dim() == 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": SETTINGS["weight_decay"]}, {"params": plain, "weight_decay": 0.0}],
        lr=SETTINGS["learning_rate"],
        betas=(SETTINGS["beta1"], SETTINGS["beta2"]),
        eps=SETTINGS["epsilon"],
    )
    losses = []
    for step in range(1, STEPS + 1):
        for group in optimiser.param_groups:
            group["lr"] = SETTINGS["learning_rate"] * rate(step, "cosine")
        optimiser.zero_grad()
        logits = model(input_ids=ids, use_cache=False).logits
        loss = loss_of(logits, teacher, targets, weights, alpha, temperature)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), SETTINGS["max_gradient_norm"])
        optimiser.step()
        losses.append(loss.item())
    with torch.no_grad():
        logits = model(input_ids=ids, use_cache=False).logits
    return {
        "alpha": alpha,
        "temperature": temperature,
        "ids": ids.flatten().tolist(),
        "targets": targets.flatten().tolist(),
        "weights": weights.flatten().tolist(),
        "losses": losses,
        "figures": figures(logits, teacher, targets, weights),
    }


if __name__ == "__main__":
    golden = {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "batch": BATCH,
        "length": LENGTH,
        "settings": SETTINGS,
        "student": STUDENT,
        "runs": [run(1.0, 1.0, 1), run(0.5, 2.0, 2), run(0.9, 1.0, 3)],
    }
    (Path(__file__).parent / "distillation.json").write_text(json.dumps(golden) + "\n")
