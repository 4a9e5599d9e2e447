"""Records the logits processors of HF transformers (run with torch and transformers 5.23):

    python make_golden.py

golden.json    every processor alone and every ordered pair, built by HF's own `_get_logits_processor`, so that
               the order is HF's too; arrays are base64 of little-endian float32
watermark.json green lists, and what WatermarkDetector says of sequences
"""

import base64
import hashlib
import json
import pathlib
import warnings

import numpy as np
import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, WatermarkDetector
from transformers.generation import logits_process as hf

warnings.filterwarnings("ignore")
HERE = pathlib.Path(__file__).parent
VOCAB = 64
EOS = [3, 7]
random = np.random.default_rng(20240229)
model = LlamaForCausalLM(
    LlamaConfig(vocab_size=VOCAB, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1)
)


def encode(array):
    return base64.b64encode(np.asarray(array, dtype="<f4").tobytes()).decode()


def rows():
    normal = random.normal(0, 3, VOCAB).astype("f4")
    ties = (np.round(random.normal(0, 2, VOCAB)) / 2).astype("f4")
    holes = random.normal(0, 3, VOCAB).astype("f4")
    holes[random.choice(VOCAB, 20, replace=False)] = -np.inf
    peaked = random.normal(0, 1, VOCAB).astype("f4")
    peaked[11] += 12
    flat = random.normal(0, 0.05, VOCAB).astype("f4")
    invalid = random.normal(0, 3, VOCAB).astype("f4")
    invalid[[1, 9]] = np.nan
    invalid[[2]] = np.inf
    invalid[[5, 6]] = -np.inf
    return {"normal": normal, "ties": ties, "holes": holes, "peaked": peaked, "flat": flat, "invalid": invalid}


ROWS = rows()
UNCONDITIONAL = random.normal(0, 3, VOCAB).astype("f4")

# Sequences: in the middle, after a one-token prompt, and right after a prompt with one token to go.
CONTEXTS = {
    "middle": {"ids": [5, 9, 12, 30, 5, 9, 41, 12, 30, 2, 5, 9], "prompt_length": 6, "max_length": 13},
    "first": {"ids": [5], "prompt_length": 1, "max_length": 21},
    "begin": {"ids": [5, 9, 12, 30, 5, 9], "prompt_length": 6, "max_length": 7},
}

# In HF's order. The first value of each field is the one used in pairs.
FIELDS = {
    "guidance_scale": [1.5, 0.5, 3.0],
    "sequence_bias": [
        [[[5], 2.5], [[9, 12], -3.5], [[5, 9, 20], 4.0], [[41], -1.0], [[9, 9], 1.0]],
        [[[1, 5, 9, 33], 2.0], [[0], -1.5], [[0], 3.0]],
    ],
    "repetition_penalty": [1.3, 0.8, 2.0],
    "no_repeat_ngram_size": [2, 1, 3, 4],
    "bad_words_ids": [[[5], [9, 12], [3], [5, 9, 33]], [[40]]],
    "min_length": [20, 6],
    "min_new_tokens": [8, 1],
    "prefix_allowed": [[3, 5, 9, 12, 20, 33, 41, 60], [1]],
    "forced_bos_token_id": [17],
    "forced_eos_token_id": [[3], [3, 7], 20],
    "remove_invalid_values": [True],
    "exponential_decay_length_penalty": [[2, 1.4], [10, 1.1]],
    "suppress_tokens": [[5, 12, 60, 11], [0]],
    "begin_suppress_tokens": [[9, 33, 11], [3]],
    "temperature": [0.7, 2.5, 0.1],
    # At 1.0 the rounding of a float32 sum would decide on the last token.
    "top_h": [0.5, 0.1, 0.9],
    "top_k": [12, 1, 5, 64, 200],
    "top_p": [0.8, 0.1, 0.95, 0.999, 0.0],
    "min_p": [0.08, 0.5, 0.001, 1.0],
    "typical_p": [0.6, 0.2, 0.95],
    "epsilon_cutoff": [0.02, 0.0003, 0.5],
    "eta_cutoff": [0.05, 0.0003, 0.5],
    "watermarking_config": [
        {"bias": 2.0},
        {"bias": 1.5, "seeding_scheme": "selfhash", "context_width": 3},
        {"bias": 3.0, "greenlist_ratio": 0.5, "hashing_key": 12345, "context_width": 2},
    ],
    "renormalize_logits": [True],
}


def run(fields, context, row):
    """The scores that HF's pipeline makes of `row`."""
    values = dict(fields)
    allowed = values.pop("prefix_allowed", None)
    config = GenerationConfig(**{"top_k": 0, "do_sample": True, **values})
    defaults = GenerationConfig._get_default_generation_params()
    for key, value in defaults.items():
        if getattr(config, key, None) is None:
            setattr(config, key, value)
    config.max_length = context["max_length"]
    if config.min_new_tokens is not None:
        config.min_length = config.min_new_tokens + context["prompt_length"]
    config._eos_token_tensor = torch.tensor(EOS)
    processors = model._get_logits_processor(
        config,
        input_ids_seq_length=context["prompt_length"],
        prefix_allowed_tokens_fn=(lambda batch, ids: allowed) if allowed else None,
        device="cpu",
        model_kwargs={},
    )
    for processor in processors:
        if isinstance(processor, hf.UnbatchedClassifierFreeGuidanceLogitsProcessor):
            processor.get_unconditional_logits = lambda ids: torch.tensor(UNCONDITIONAL)[None, None]
    scores = processors(torch.tensor([context["ids"]]), torch.tensor(row)[None])
    return encode(scores[0].numpy())


def case(fields, context, row):
    return {"fields": fields, "context": context, "row": row, "scores": run(fields, CONTEXTS[context], ROWS[row])}


def singles():
    for field, values in FIELDS.items():
        for value in values:
            for row in ROWS:
                if row == "invalid" and field != "remove_invalid_values":
                    continue
                for context in CONTEXTS if row == "normal" else ["middle"]:
                    yield case({field: value}, context, row)


def pairs():
    names = list(FIELDS)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            fields = {first: FIELDS[first][0], second: FIELDS[second][0]}
            for context, row in [("middle", "normal"), ("middle", "holes"), ("first", "flat"), ("begin", "normal")]:
                yield case(fields, context, row)


def kept():
    """Warpers that keep more than one token whatever they weigh (beams need it)."""
    warpers = {
        "top_k": lambda keep: hf.TopKLogitsWarper(1, min_tokens_to_keep=keep),
        "top_p": lambda keep: hf.TopPLogitsWarper(0.1, min_tokens_to_keep=keep),
        "min_p": lambda keep: hf.MinPLogitsWarper(0.9, min_tokens_to_keep=keep),
        "typical_p": lambda keep: hf.TypicalLogitsWarper(0.05, min_tokens_to_keep=keep),
        "epsilon_cutoff": lambda keep: hf.EpsilonLogitsWarper(0.9, min_tokens_to_keep=keep),
        "eta_cutoff": lambda keep: hf.EtaLogitsWarper(0.9, min_tokens_to_keep=keep),
    }
    for field, make in warpers.items():
        for keep in (2, 3, 5):
            for row in ("normal", "holes", "peaked", "flat"):
                scores = make(keep)(torch.tensor([[5]]), torch.tensor(ROWS[row])[None])
                yield {"field": field, "keep": keep, "row": row, "scores": encode(scores[0].numpy())}


def greenlists():
    for vocab, schemes in ((512, ("lefthash", "selfhash")), (49152, ("lefthash", "selfhash")), (151936, ("lefthash",))):
        for scheme in schemes:
            settings = {"greenlist_ratio": 0.25, "hashing_key": 15485863, "seeding_scheme": scheme, "context_width": 4}
            processor = hf.WatermarkLogitsProcessor(vocab, "cpu", bias=2.0, **settings)
            for context in ([0, 1, 2, 0], [vocab - 1] * 4, random.integers(0, vocab, 4).tolist()):
                ids = processor._get_greenlist_ids(torch.tensor(context)).numpy().astype("<i4")
                yield {
                    "config": {"bias": 2.0, **settings},
                    "vocab_size": vocab,
                    "context": context,
                    "count": len(ids),
                    "first": ids[:8].tolist(),
                    "sha256": hashlib.sha256(ids.tobytes()).hexdigest(),
                }


def detections():
    vocab = 512
    config = LlamaConfig(vocab_size=vocab, bos_token_id=1)
    for settings in (
        {"greenlist_ratio": 0.25, "bias": 2.0, "hashing_key": 15485863, "seeding_scheme": "lefthash", "context_width": 1},
        {"greenlist_ratio": 0.5, "bias": 2.0, "hashing_key": 999, "seeding_scheme": "lefthash", "context_width": 2},
        {"greenlist_ratio": 0.25, "bias": 2.0, "hashing_key": 15485863, "seeding_scheme": "selfhash", "context_width": 3},
    ):
        processor = hf.WatermarkLogitsProcessor(vocab, "cpu", **settings)
        for bias in (0, 1.5, 6):
            ids = [1, *random.integers(2, vocab, 4).tolist()]
            for _ in range(60):
                scores = torch.tensor(random.normal(0, 2, vocab).astype("f4"))[None]
                marked = scores + bias * (processor(torch.tensor([ids]), scores) - scores) / 2.0
                ids.append(int(torch.tensor(random.gumbel(size=vocab)).add(marked[0]).argmax()))
            ids += ids[10:30]
            for repeated in (False, True):
                detector = WatermarkDetector(config, "cpu", settings, ignore_repeated_ngrams=repeated)
                result = detector(torch.tensor([ids]), return_dict=True)
                yield {
                    "config": settings,
                    "vocab_size": vocab,
                    "bos_token_id": 1,
                    "ids": ids,
                    "ignore_repeated_ngrams": repeated,
                    "result": {key: value[0].item() for key, value in vars(result).items()},
                }


def write(name, value):
    (HERE / name).write_text(json.dumps(value, separators=(",", ":")) + "\n")


write(
    "golden.json",
    {
        "eos": EOS,
        "rows": {name: encode(row) for name, row in ROWS.items()},
        "unconditional": encode(UNCONDITIONAL),
        "contexts": CONTEXTS,
        "order": list(FIELDS),
        "singles": list(singles()),
        "pairs": list(pairs()),
        "kept": list(kept()),
    },
)
write("watermark.json", {"greenlists": list(greenlists()), "detections": list(detections())})
