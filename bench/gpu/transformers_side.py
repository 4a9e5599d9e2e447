"""HF transformers' side of bench/gpu.ts: python transformers_side.py MODEL_DIRECTORY DEVICE DTYPE

Eager `generate` on CUDA, or the CPU for DEVICE cpu, with weights in float32 (DTYPE fp32) or float16. Says what it is in a line of
JSON, and then answers each task, a line of JSON on stdin, with one on stdout.
"""

import json
import sys
import time

import torch
import transformers
from transformers import AutoModelForCausalLM, GenerationConfig, LogitsProcessor, LogitsProcessorList


class Observer(LogitsProcessor):
    """Called after each forward pass, for which it waits; leaves the scores alone."""

    def __init__(self):
        self.times = []

    def __call__(self, input_ids, scores):
        if scores.is_cuda:
            torch.cuda.synchronize()
        self.times.append(time.perf_counter())
        return scores


def measure(model, task):
    generator = torch.Generator().manual_seed(task["seed"])
    shape = (task["batch"], task["context"])
    ids = torch.randint(model.config.vocab_size, shape, generator=generator).to(model.device)
    tokens = task["steps"] + 1
    config = GenerationConfig(
        do_sample=False, max_new_tokens=tokens, min_new_tokens=tokens, use_cache=True, eos_token_id=2, pad_token_id=2
    )
    observer = Observer()
    if model.device.type == "cuda":
        torch.cuda.synchronize()
    start = time.perf_counter()
    with torch.inference_mode():
        model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            generation_config=config,
            logits_processor=LogitsProcessorList([observer]),
        )
    times = observer.times
    return {"prefill": times[0] - start, "steps": [after - before for before, after in zip(times, times[1:])]}


def answer(model, task):
    try:
        return measure(model, task)
    except torch.cuda.OutOfMemoryError:
        torch.cuda.empty_cache()
        return {"failure": "out of memory"}


def main():
    directory, device, dtype = sys.argv[1:4]
    place = "cpu" if device == "cpu" else "cuda"
    kind = torch.float32 if dtype == "fp32" else torch.float16
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    model = AutoModelForCausalLM.from_pretrained(directory, dtype=kind).eval().to(place)
    versions = f"transformers {transformers.__version__}, torch {torch.__version__}"
    name = torch.cuda.get_device_name() if place == "cuda" else f"{torch.get_num_threads()} threads"
    print(json.dumps({"description": f"{versions}, eager, {kind}, {name}"}), flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(model, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
