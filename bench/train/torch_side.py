"""PyTorch's side of bench/train.ts: python torch_side.py THREADS CONFIG BATCH

CONFIG is HF's config.json as JSON, BATCH the tokens [rows, length + 1] as JSON. Says what it is in a line of JSON, and then
takes a step for each line on stdin. The model is compiled where torch.compile works, since that is faster.
"""

import json
import sys
import time

import torch
import transformers
from transformers import LlamaConfig, LlamaForCausalLM


def main():
    threads, config, tokens = int(sys.argv[1]), json.loads(sys.argv[2]), torch.tensor(json.loads(sys.argv[3]))
    torch.set_num_threads(threads)
    model = LlamaForCausalLM(LlamaConfig(**config, attn_implementation="sdpa"))
    model.train()
    ids, targets = tokens[:, :-1].contiguous(), tokens[:, 1:].reshape(-1)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, fused=True)

    def loss_of():
        logits = model(input_ids=ids, use_cache=False).logits
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets)

    def step(loss):
        optimiser.zero_grad()
        value = loss()
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        return value.item()

    chosen, how = loss_of, "eager"
    try:
        compiled = torch.compile(loss_of)
        times = {}
        for name, each in (("eager", loss_of), ("compiled", compiled)):
            for _ in range(3):
                start = time.perf_counter()
                step(each)
                times[name] = time.perf_counter() - start
        how = min(times, key=times.get)
        chosen = compiled if how == "compiled" else loss_of
    except Exception as error:  # a compiler may be missing, in which case eager is its best
        print(f"torch.compile: {error}", file=sys.stderr)
    versions = f"PyTorch {torch.__version__}, transformers {transformers.__version__}, {how}, sdpa, fused AdamW"
    print(json.dumps({"description": versions}), flush=True)
    for _ in sys.stdin:
        start = time.perf_counter()
        loss = step(chosen)
        print(json.dumps({"ms": 1e3 * (time.perf_counter() - start), "loss": loss}), flush=True)


if __name__ == "__main__":
    main()
