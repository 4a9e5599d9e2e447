"""Contrastive decoding of fixture models beside amateurs, from Li et al. (2023), eq. 2 and 3, and O'Brien and Lewis (2023), section 2, over
probabilities of HF transformers (test/golden/amateur/golden.json). float64 from the models' float32 logits, CPU, eager attention, no cache.

    # needs torch, transformers 5
    python test/golden/amateur/make_golden.py

Each case has the ids that greedy decoding takes, and the score of each token at each place before them, [places, vocabulary] in base64 of
little-endian float32; -Infinity where the expert leaves a token out.
"""

import base64
import json
from pathlib import Path

import numpy as np
import torch
import transformers
from transformers import AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent.parent / "fixtures"
PLACES = 12
# Expert, amateur, alpha, beta.
CASES = [
    ("llama", "qwen2", 0.1, None),
    ("llama", "qwen2", 0.5, None),
    ("llama", "qwen2", 0.1, 0.5),
    ("qwen3", "llama", 0.02, None),
    ("qwen3", "llama", 0.3, 2.0),
]
# A choice nearer to another one might be rounded to it.
LEAST_MARGIN = 1e-3


def probabilities(model, ids):
    logits = model(torch.tensor([ids]), use_cache=False).logits[0, -1].double().numpy()
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def contrasted(expert, amateur, alpha, beta):
    """Eq. 2: the head of tokens with p >= alpha max p. Eq. 3: log(p / q) in it."""
    head = expert >= alpha * expert.max()
    if beta is None:
        ratio = np.log(expert / amateur)
    else:
        ratio = (1 + beta) * np.log(expert) - beta * np.log(amateur)
    return np.where(head, ratio, -np.inf)


@torch.no_grad()
def decoded(models, prompt, expert, amateur, alpha, beta):
    ids, rows = list(prompt), []
    for _ in range(PLACES):
        p, q = probabilities(models[expert], ids), probabilities(models[amateur], ids)
        scores = contrasted(p, q, alpha, beta)
        best, second = np.sort(scores)[::-1][:2]
        edge = np.abs(np.log(p / (alpha * p.max()))).min()
        assert best - second > LEAST_MARGIN and edge > 1e-4, (expert, amateur, alpha, best - second, edge)
        rows.append(scores.astype("<f4"))
        ids.append(int(scores.argmax()))
    return ids[len(prompt) :], rows


def main():
    torch.set_num_threads(1)
    names = {name for expert, amateur, *_ in CASES for name in (expert, amateur)}
    models = {
        name: AutoModelForCausalLM.from_pretrained(
            FIXTURES / name, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        for name in names
    }
    prompt = torch.randint(3, 320, (10,), generator=torch.Generator().manual_seed(7)).tolist()
    cases = []
    for expert, amateur, alpha, beta in CASES:
        ids, rows = decoded(models, prompt, expert, amateur, alpha, beta)
        left = [int(np.isfinite(row).sum()) for row in rows]
        print(expert, amateur, alpha, beta, ids, left)
        settings = dict(amateur_alpha=alpha) if beta is None else dict(amateur_alpha=alpha, amateur_beta=beta)
        scores = base64.b64encode(np.concatenate(rows).tobytes()).decode()
        cases.append(dict(model=expert, amateur=amateur, settings=settings, ids=ids, scores=scores))
    rows = ",\n  ".join(json.dumps(case) for case in cases)
    version = json.dumps(transformers.__version__)
    content = f'{{"transformers": {version},\n"prompt": {json.dumps(prompt)},\n"cases": [\n  {rows}\n]}}\n'
    (HERE / "golden.json").write_text(content)


if __name__ == "__main__":
    main()
