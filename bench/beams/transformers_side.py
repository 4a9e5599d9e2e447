"""HF transformers' side of bench/beams.ts: python transformers_side.py MODEL_DIRECTORY THREADS

Says what it is in a line of JSON, and then answers each task, a line of JSON on stdin, with one on stdout.
"""

import json
import sys
import time

import torch
import transformers
from transformers import AutoModelForCausalLM, GenerationConfig, LogitsProcessor, LogitsProcessorList


class Observer(LogitsProcessor):
    """Called after each forward pass; leaves the scores alone."""

    def __init__(self):
        self.times = []

    def __call__(self, input_ids, scores):
        self.times.append(time.perf_counter())
        return scores


def generate(model, prompt, beams, new_tokens, eos):
    observer = Observer()
    ids = torch.tensor([prompt])
    config = GenerationConfig(
        num_beams=beams,
        num_return_sequences=1,
        do_sample=False,
        max_new_tokens=new_tokens,
        min_new_tokens=new_tokens,
        use_cache=True,
        return_dict_in_generate=True,
        eos_token_id=eos,
        pad_token_id=eos[0],
    )
    start = time.perf_counter()
    with torch.inference_mode():
        output = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_config=config,
            logits_processor=LogitsProcessorList([observer]),
        )
    total = time.perf_counter() - start
    # What torch.cat made has room for nothing more.
    cache = sum(tensor.nbytes for layer in output.past_key_values.layers for tensor in (layer.keys, layer.values))
    return {
        "tokens": output.sequences[0, len(prompt) :].tolist(),
        "total": 1e3 * total,
        "prefill": 1e3 * (observer.times[0] - start),
        "passes": len(observer.times),
        "cache": {"used": cache, "allocated": cache},
    }


def main():
    directory, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32, attn_implementation="sdpa").eval()
    versions = f"transformers {transformers.__version__}, torch {torch.__version__}"
    print(json.dumps({"description": f"{versions}, sdpa, {torch.get_num_threads()} threads"}), flush=True)
    for line in sys.stdin:
        task = json.loads(line)
        run = generate(model, task["prompt"], task["beams"], task["newTokens"], task["eosTokenIds"])
        print(json.dumps(run), flush=True)


if __name__ == "__main__":
    main()
