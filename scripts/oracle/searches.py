"""What HF transformers' generate() does with random configurations of greedy and beam search, and of sampling: JSON on stdout.

    # needs torch and transformers 5
    python scripts/oracle/searches.py MODEL_DIRECTORY [--seed 1] [--count 110] [--sampled 80] > hf.json
    npx tsx scripts/oracle/compare-searches.ts MODEL_DIRECTORY hf.json

A search holds the `ids` and, of beams, the `score` of each returned sequence. A sampled one holds the ids that HF drew and, by
step, the processed scores, float32 in base64: the other side follows the same ids. Diverse, constrained and contrastive search have
left transformers 5; test/golden/beams holds what 4.49 gives for them. Guidance with beams differs on purpose, see
docs/strategies/beam-search.md: it is among the greedy and sampled configurations alone.
"""

import argparse
import base64
import json
import math
import random

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

TEXTS = [
    "Once upon a time",
    "Tom had a red ball and",
    "One day, a big bird",
    "The dog was sad because",
    "Lily said: \"I want",
    "🙂 café",
    "a",
]


def ids_of(rng, vocab, most=3):
    return [rng.randrange(3, vocab) for _ in range(rng.randint(1, most))]


def processors(rng, vocab):
    """Settings that both kinds may have, each in a third of the cases or so."""
    choices = dict(
        repetition_penalty=lambda: rng.choice([0.7, 1.1, 1.5, 3.0]),
        no_repeat_ngram_size=lambda: rng.randint(1, 4),
        bad_words_ids=lambda: [ids_of(rng, vocab) for _ in range(rng.randint(1, 4))],
        sequence_bias=lambda: [[ids_of(rng, vocab), rng.uniform(-8, 8)] for _ in range(rng.randint(1, 4))],
        suppress_tokens=lambda: ids_of(rng, vocab, 8),
        begin_suppress_tokens=lambda: ids_of(rng, vocab, 8),
        min_new_tokens=lambda: rng.randint(1, 8),
        min_length=lambda: rng.randint(4, 16),
        forced_eos_token_id=lambda: rng.randrange(3, vocab),
        exponential_decay_length_penalty=lambda: [rng.randint(0, 5), rng.choice([1.05, 1.3, 2.0])],
        renormalize_logits=lambda: True,
        remove_invalid_values=lambda: True,
    )
    return {name: make() for name, make in choices.items() if rng.random() < 0.2}


def search(rng, vocab):
    settings = processors(rng, vocab) | dict(max_new_tokens=rng.randint(1, 24), do_sample=False)
    if rng.random() < 0.5:
        settings["eos_token_id"] = rng.choice([13, [13, 29], [rng.randrange(3, vocab) for _ in range(3)]])
    if rng.random() < 0.75:
        beams = rng.randint(2, 8)
        settings |= dict(
            num_beams=beams,
            num_return_sequences=rng.randint(1, beams),
            length_penalty=rng.choice([-1.0, 0.0, 0.6, 1.0, 2.0]),
            early_stopping=rng.choice([True, False, "never"]),
        )
    elif rng.random() < 0.4:
        settings["guidance_scale"] = rng.choice([0.5, 1.5, 3.0])
    return settings


def sampling(rng, vocab):
    settings = processors(rng, vocab) | dict(max_new_tokens=rng.randint(2, 12), do_sample=True)
    warpers = dict(
        temperature=lambda: rng.choice([0.3, 0.7, 1.3, 2.0]),
        top_k=lambda: rng.choice([0, 1, 5, 40]),
        top_p=lambda: rng.choice([0.3, 0.8, 0.95]),
        min_p=lambda: rng.choice([0.02, 0.1, 0.5]),
        typical_p=lambda: rng.choice([0.2, 0.7, 0.95]),
        epsilon_cutoff=lambda: rng.choice([3e-4, 1e-2]),
        eta_cutoff=lambda: rng.choice([3e-4, 1e-2]),
        top_h=lambda: rng.choice([0.3, 0.7]),
        guidance_scale=lambda: rng.choice([0.5, 1.5, 3.0]),
    )
    return settings | {name: make() for name, make in warpers.items() if rng.random() < 0.35}


def hf_settings(settings):
    """HF takes biases as a dictionary, or as lists of another form."""
    if "sequence_bias" not in settings:
        return settings
    return settings | dict(sequence_bias=[[list(ids), float(bias)] for ids, bias in settings["sequence_bias"]])


@torch.no_grad()
def run(model, prompt, settings, seed):
    torch.manual_seed(seed)
    ids = torch.tensor([prompt])
    out = model.generate(
        ids, attention_mask=torch.ones_like(ids), return_dict_in_generate=True, output_scores=True, **hf_settings(settings)
    )
    rows = out.sequences[:, len(prompt) :].tolist()
    if settings["do_sample"]:
        scores = [base64.b64encode(step[0].float().numpy().tobytes()).decode() for step in out.scores]
        return dict(ids=rows[0], scores=scores)
    if settings.get("num_beams", 1) == 1:
        return dict(sequences=[dict(ids=rows[0])])
    lengths = [int((row >= 0).sum()) for row in out.beam_indices]
    scores = out.sequences_scores.tolist()
    if not all(map(math.isfinite, scores)):
        raise ValueError(f"scores that are no numbers: {scores}")  # of an infinity that was normalised: its choices are arbitrary
    return dict(sequences=[dict(ids=row[:n], score=s) for row, n, s in zip(rows, lengths, scores)])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--count", type=int, default=110)
    parser.add_argument("--sampled", type=int, default=80)
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32, attn_implementation="eager").eval()
    tokenizer = AutoTokenizer.from_pretrained(options.model)
    rng = random.Random(options.seed)
    cases = []
    for i in range(options.count + options.sampled):
        settings = (search if i < options.count else sampling)(rng, model.config.vocab_size)
        prompt = tokenizer(rng.choice(TEXTS))["input_ids"]
        try:
            found = run(model, prompt, settings, i)
        except (RuntimeError, ValueError, TypeError, OverflowError) as error:
            found = dict(error=f"{type(error).__name__}: {error}"[:200])
        cases.append(dict(prompt=prompt, settings=settings, **found))
    print(json.dumps(dict(transformers=transformers.__version__, cases=cases), allow_nan=False))


if __name__ == "__main__":
    main()
