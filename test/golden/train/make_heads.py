"""Losses of 20 steps of AdamW for Medusa's heads and modules of multi-token prediction, in PyTorch, from the papers.

Run from the repository's root: python test/golden/train/make_heads.py
Needs torch and transformers; writes test/golden/train/heads.json. Float32 on the CPU.
"""

import json
import math
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRMSNorm

ROOT = Path(__file__).parents[3]
BATCH, LENGTH, STEPS = 3, 20, 20
RATE, BETAS, EPSILON, DECAY, CLIP = 2e-3, (0.9, 0.95), 1e-8, 0.1, 0.5


def formula(name, shape):
    """Initial weights that the other side can compute: sines, around 1 for norms."""
    phase = sum(map(ord, name))
    values = torch.sin(phase + 1.37 * torch.arange(math.prod(shape), dtype=torch.float64)).reshape(shape)
    return (1 + 0.1 * values if "norm" in name else 0.05 * values).float()


class Run:
    def __init__(self, fixture, frozen):
        torch.manual_seed(0)
        self.model = AutoModelForCausalLM.from_pretrained(
            ROOT / "test/fixtures" / fixture, dtype=torch.float32, attn_implementation="eager"
        )
        self.config = self.model.config
        self.frozen = frozen
        self.new = {}
        self.tokens = torch.randint(3, self.config.vocab_size, (BATCH, LENGTH + 1))
        self.weights = torch.randint(0, 3, (BATCH, LENGTH)).float() / 2

    def parameter(self, name, *shape, initial=None):
        if name not in self.new:
            self.new[name] = torch.nn.Parameter(formula(name, shape) if initial is None else initial.clone())
        return self.new[name]

    def trunk(self):
        return self.model.model(self.tokens[:, :-1], use_cache=False)

    def loss_at(self, distance, logits):
        """Σ w · cross-entropy with the token `distance` beyond the next one, over all tokens' weights."""
        count = LENGTH - distance
        targets = self.tokens[:, 1 + distance :]
        weights = self.weights[:, distance:]
        losses = torch.nn.functional.cross_entropy(
            logits[:, :count].transpose(1, 2), targets, reduction="none"
        )
        return (losses * weights).sum() / self.weights.sum()

    def block(self, name, x):
        """One decoder layer, causal, on [batch, length, hidden]."""
        layer = LlamaDecoderLayer(self.config, 0)
        shapes = {key: value.shape for key, value in layer.named_parameters()}
        values = {key: self.parameter(f"{name}.{key}", *shape) for key, shape in shapes.items()}
        length = x.shape[1]
        positions = torch.arange(length)[None]
        mask = torch.full((length, length), -1e9).triu(1)[None, None]
        rotary = self.model.model.rotary_emb(x, positions)
        output = torch.func.functional_call(
            layer, values, (x,), {"attention_mask": mask, "position_ids": positions, "position_embeddings": rotary}
        )
        return output[0] if isinstance(output, tuple) else output

    def norm(self, name, x):
        layer = LlamaRMSNorm(x.shape[-1], eps=self.config.rms_norm_eps)
        return torch.func.functional_call(layer, {"weight": self.parameter(f"{name}.weight", x.shape[-1])}, (x,))

    def train(self, loss):
        loss(self)  # creates the parameters
        for value in self.model.parameters():
            value.requires_grad = not self.frozen
        trained = list(self.new.values()) + ([] if self.frozen else list(self.model.parameters()))
        groups = [
            {"params": [value for value in trained if value.dim() > 1], "weight_decay": DECAY},
            {"params": [value for value in trained if value.dim() == 1], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, lr=RATE, betas=BETAS, eps=EPSILON)
        losses = []
        for _ in range(STEPS):
            optimiser.zero_grad()
            value = loss(self)
            value.backward()
            torch.nn.utils.clip_grad_norm_(trained, CLIP)
            optimiser.step()
            losses.append(value.item())
        return losses


def medusa(heads, own, joint, sequential=False):
    """
    Medusa (Cai et al. 2024): Σ 0.8^k L_k; jointly with the model L_LM + joint · that. Sequential heads are given the tokens up to the one
    that they guess (Hydra, Ankner et al. 2024), their embeddings normed.
    """

    def loss(run):
        hidden = run.trunk().last_hidden_state
        size, vocabulary = run.config.hidden_size, run.config.vocab_size
        total = 0
        for k in range(heads):
            name = f"medusa_head.{k}"
            weight = run.parameter(f"{name}.0.linear.weight", size, size)
            bias = run.parameter(f"{name}.0.linear.bias", size)
            projected = hidden @ weight.T + bias
            if sequential:
                # What lies beyond the end is given to places that have no target.
                padded = torch.nn.functional.pad(run.tokens[:, 1:], (0, heads))
                ahead = [padded[:, d : d + LENGTH] for d in range(k + 1)]
                embedded = [run.norm("medusa_head.token_norm", run.model.model.embed_tokens(ids)) for ids in ahead]
                tokens = run.parameter(f"{name}.0.tokens.weight", size, (k + 1) * size)
                projected = projected + torch.cat(embedded, dim=-1) @ tokens.T
            x = hidden + torch.nn.functional.silu(projected)
            head = run.model.lm_head.weight
            if own:
                head = run.parameter(f"{name}.1.weight", vocabulary, size)
            total = total + 0.8 ** (k + 1) * run.loss_at(k + 1, x @ head.T)
        if joint is None:
            return total
        return run.loss_at(0, run.model.lm_head(hidden)) + joint * total

    return loss


def mtp(depth, modules, joint, hidden_first=False):
    """DeepSeek-V3 (2024), equations 21 to 25."""

    def loss(run):
        hidden = run.trunk().last_hidden_state
        layers = run.config.num_hidden_layers
        previous, total = hidden, 0
        for k in range(1, depth + 1):
            name = f"model.layers.{layers + min(k, modules) - 1}"
            count = LENGTH - k + 1
            embedded = run.model.model.embed_tokens(run.tokens[:, k : k + count])
            parts = [run.norm(f"{name}.enorm", embedded), run.norm(f"{name}.hnorm", previous[:, :count])]
            both = torch.cat(parts[::-1] if hidden_first else parts, dim=-1)
            size = run.config.hidden_size
            previous = run.block(name, both @ run.parameter(f"{name}.eh_proj.weight", size, 2 * size).T)
            logits = run.norm(f"{name}.shared_head.norm", previous) @ run.model.lm_head.weight.T
            total = total + run.loss_at(k, logits)
        total = total / depth
        return total if joint is None else run.loss_at(0, run.model.lm_head(hidden)) + joint * total

    return loss


def parallel(heads, joint):
    """Gloeckle et al. 2024: a block for each head on what the trunk gives before its final norm."""

    def loss(run):
        states = {}
        hook = run.model.model.norm.register_forward_pre_hook(lambda _, inputs: states.update(x=inputs[0]))
        hidden = run.trunk().last_hidden_state
        hook.remove()
        layers = run.config.num_hidden_layers
        total = 0
        for k in range(heads):
            x = run.block(f"model.layers.{layers + k}", states["x"])
            total = total + run.loss_at(k + 1, run.model.lm_head(run.model.model.norm(x)))
        total = total / heads
        return total if joint is None else run.loss_at(0, run.model.lm_head(hidden)) + joint * total

    return loss


CASES = {
    "medusa": ("llama", medusa(3, False, None), {"heads": 3, "layers": 1, "ownVocabulary": False}, None),
    "medusa own": ("llama", medusa(2, True, None), {"heads": 2, "layers": 1, "ownVocabulary": True}, None),
    "medusa sequential": (
        "llama",
        medusa(3, False, None, True),
        {"heads": 3, "layers": 1, "ownVocabulary": False, "sequential": True},
        None,
    ),
    "medusa joint": ("llama", medusa(2, False, 0.2), {"heads": 2, "layers": 1, "ownVocabulary": False}, 0.2),
    "mtp recursive": (
        "llama",
        mtp(3, 1, None),
        {"depth": 3, "modules": 1, "hiddenStatesFirst": False, "parallel": False},
        None,
    ),
    "mtp modules": (
        "llama3-rope",
        mtp(2, 2, None, True),
        {"depth": 2, "modules": 2, "hiddenStatesFirst": True, "parallel": False},
        None,
    ),
    "mtp joint": (
        "llama",
        mtp(2, 1, 0.3),
        {"depth": 2, "modules": 1, "hiddenStatesFirst": False, "parallel": False},
        0.3,
    ),
    "parallel": (
        "llama",
        parallel(2, 0.5),
        {"depth": 2, "modules": 2, "hiddenStatesFirst": False, "parallel": True},
        0.5,
    ),
}

if __name__ == "__main__":
    runs = []
    for name, (fixture, loss, spec, joint) in CASES.items():
        run = Run(fixture, joint is None)
        losses = run.train(loss)
        tokens = {
            "ids": run.tokens[:, :-1].flatten().tolist(),
            "targets": run.tokens[:, 1:].flatten().tolist(),
            "weights": run.weights.flatten().tolist(),
        }
        runs.append({"name": name, "model": fixture, "spec": spec, "joint": joint, "losses": losses, **tokens})
    golden = {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "batch": BATCH,
        "length": LENGTH,
        "settings": {
            "learning_rate": RATE,
            "warmup_steps": 0,
            "minimum": 1,
            "beta1": BETAS[0],
            "beta2": BETAS[1],
            "epsilon": EPSILON,
            "weight_decay": DECAY,
            "max_gradient_norm": CLIP,
        },
        "runs": runs,
    }
    (Path(__file__).parent / "heads.json").write_text(json.dumps(golden) + "\n")
