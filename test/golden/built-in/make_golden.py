"""What HF transformers makes of the built-in model, in float32 on the CPU: logits and greedy text.

Run from the repository's root: python test/golden/built-in/make_golden.py
Needs torch and transformers; writes test/golden/built-in/golden.json. To be run again when the model changes.
"""

import hashlib
import json
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

MODEL = Path("built-in")
TEXTS = [
    "Once upon a time, there was a little girl",
    '"What is the matter?" asked the old man, looking out of the window.',
    "It was a dark and stormy night; the rain fell in torrents",
]
NEW_TOKENS = 48


def main():
    tokenizer = AutoTokenizer.from_pretrained(MODEL)
    model = AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager").eval()
    rows = []
    for text in TEXTS:
        ids = tokenizer(text, return_tensors="pt").input_ids
        with torch.no_grad():
            logits = model(ids).logits[0, -1]
            written = model.generate(ids, do_sample=False, max_new_tokens=NEW_TOKENS)
        rows.append(
            {
                "text": text,
                "ids": ids[0].tolist(),
                "logits": [round(value, 6) for value in logits.tolist()],
                "greedy": written[0, ids.shape[1] :].tolist(),
            }
        )
    golden = {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__},
        "sha256": hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest(),
        "new_tokens": NEW_TOKENS,
        "rows": rows,
    }
    (Path(__file__).parent / "golden.json").write_text(json.dumps(golden) + "\n")


main()
