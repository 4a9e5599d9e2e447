"""The loss of the fixture models on long texts in sliding windows, as the guide "Perplexity of fixed-length models" of
HF transformers computes it (test/golden/eval/golden.json). float32, CPU, eager attention.

    # needs torch, transformers 5
    python test/golden/eval/make_golden.py

`nats` is the sum over the scored tokens of model(input_ids, labels=...).loss times the labels that it averages over.
"""

import json
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent.parent / "fixtures"
# Length of the text, window, stride.
CASES = [
    (40, 64, 32),
    (64, 64, 32),
    (65, 64, 32),
    (100, 10, 1),
    (100, 33, 32),
    (300, 64, 32),
    (300, 64, 50),
    (300, 128, 64),
    (300, 128, 17),
    (2, 2, 1),
]


def sliding_window_loss(model, ids, window, stride):
    nats, tokens, previous_end = 0.0, 0, 0
    for begin in range(0, ids.size(1), stride):
        end = min(begin + window, ids.size(1))
        inputs = ids[:, begin:end]
        labels = inputs.clone()
        labels[:, : -(end - previous_end)] = -100
        # The model shifts the labels by one: the first is not predicted.
        count = int((labels[:, 1:] != -100).sum())
        nats += model(inputs, labels=labels).loss.double().item() * count
        tokens += count
        previous_end = end
        if end == ids.size(1):
            break
    return nats, tokens


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    cases = []
    for name in ("llama", "gemma3"):
        model = AutoModelForCausalLM.from_pretrained(
            FIXTURES / name, dtype=torch.float32, attn_implementation="eager"
        ).eval()
        generator = torch.Generator().manual_seed(5)
        ids = torch.randint(3, 320, (1, 300), generator=generator)
        # Text that the model likes in between, so that losses differ from place to place.
        ids[:, 150:] = model.generate(ids[:, :100], max_new_tokens=150, min_new_tokens=150, do_sample=False)[:, -150:]
        for length, window, stride in CASES:
            nats, tokens = sliding_window_loss(model, ids[:, :length], window, stride)
            cases.append(dict(model=name, length=length, window=window, stride=stride, tokens=tokens, nats=nats))
        cases[-1]["ids"] = ids[0].tolist()
    texts = {case["model"]: case.pop("ids") for case in cases if "ids" in case}
    write(texts, cases)


def write(texts, cases):
    rows = ",\n  ".join(json.dumps(case) for case in cases)
    version = json.dumps(transformers.__version__)
    content = f'{{"transformers": {version},\n"texts": {json.dumps(texts)},\n"cases": [\n  {rows}\n]}}\n'
    (HERE / "golden.json").write_text(content)


if __name__ == "__main__":
    main()
