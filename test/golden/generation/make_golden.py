"""What HF transformers' own generate() gives with the fixture models (test/golden/generation/golden.json) and, for
stop strings, with stories260K. float32, CPU, eager attention.

    # needs torch, transformers 5, numpy
    python test/golden/generation/make_golden.py path/to/stories260K

A case holds ids, and little-endian float32 in base64: `scores` (processed) and `logits` (raw), [steps, columns], for
the ids that `columns` names; `logsumexp` over all scores of a step (those above -1e30), [steps]; the transition
`scores` of compute_transition_scores and their normalised values, [steps]. `forbidden` counts each step's -inf.
`sampled` has the first step's scores, [vocab], with do_sample.
"""

import base64
import json
import sys
from pathlib import Path

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, WatermarkingConfig

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent.parent / "fixtures"
MODELS = ["llama", "qwen3", "gemma3"]
STEPS, SMALLEST_GAP = 12, 2e-4


def load(path):
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()


def base64_of(tensor):
    return base64.b64encode(tensor.to(torch.float32).contiguous().numpy().astype("<f4").tobytes()).decode()


def generate(model, prompt, settings, negative_prompt=None, prefix_allowed=None):
    """`prefix_allowed` is a list of lists of ids: those allowed after n tokens are the (n mod length)-th."""
    arguments = dict(max_new_tokens=STEPS) | settings
    if "max_length" in settings:
        del arguments["max_new_tokens"]
    if "watermarking_config" in settings:
        arguments["watermarking_config"] = WatermarkingConfig(**settings["watermarking_config"])
    if negative_prompt:
        arguments["negative_prompt_ids"] = torch.tensor([negative_prompt])
    if prefix_allowed:
        arguments["prefix_allowed_tokens_fn"] = lambda _, ids: prefix_allowed[len(ids) % len(prefix_allowed)]
    ids = torch.tensor([prompt])
    return model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        return_dict_in_generate=True,
        output_scores=True,
        output_logits=True,
        **arguments,
    )


def numbers(value):
    """All ids in a nested setting."""
    if isinstance(value, (list, tuple)):
        return {number for item in value for number in numbers(item)}
    return {value} if type(value) is int and 0 <= value < 320 else set()


def case(name, model, model_name, prompt, settings, **options):
    out = generate(model, prompt, settings, **options)
    ids = out.sequences[0, len(prompt) :].tolist()
    scores, logits = torch.cat(out.scores), torch.cat(out.logits)
    top = scores.topk(2).values
    gap = (top[:, 0] - top[:, 1]).min().item()
    if not gap > SMALLEST_GAP:
        raise SystemExit(f"{name}: a near-tie of {gap}")
    columns = sorted({*ids, *range(0, 320, 20), *numbers(list(settings.values()))})
    transitions = [
        model.compute_transition_scores(out.sequences, out.scores, normalize_logits=normalised)[0]
        for normalised in (False, True)
    ]
    finite = scores.masked_fill(scores < -1e30, -torch.inf)
    print(f"{name:40} {model_name:7} {len(ids):3} ids, smallest gap {gap:.4f}")
    return dict(
        name=name,
        model=model_name,
        prompt=prompt,
        settings=settings,
        **options,
        ids=ids,
        columns=columns,
        scores=base64_of(scores[:, columns]),
        logits=base64_of(logits[:, columns]),
        logsumexp=base64_of(finite.logsumexp(-1)),
        forbidden=scores.eq(-torch.inf).sum(-1).tolist(),
        transitions=base64_of(transitions[0]),
        normalised=base64_of(transitions[1]),
    )


def greedy_settings(text, prompt):
    """Settings that matter for a model which plainly goes on with `text`."""
    early, late = text[3], text[7]
    yield "greedy", {}
    yield "max_new_tokens", dict(max_new_tokens=20)
    yield "max_length", dict(max_length=len(prompt) + 7)
    yield "eos", dict(eos_token_id=late)
    yield "eos list", dict(eos_token_id=[319, early, late])
    yield "min_new_tokens", dict(eos_token_id=early, min_new_tokens=6)
    yield "min_new_tokens, eos list", dict(eos_token_id=[early, late], min_new_tokens=9)
    yield "min_length", dict(eos_token_id=early, min_length=len(prompt) + 5)
    yield "repetition_penalty", dict(repetition_penalty=1.8)
    yield "repetition_penalty below 1", dict(repetition_penalty=0.4)
    yield "no_repeat_ngram_size 1", dict(no_repeat_ngram_size=1)
    yield "no_repeat_ngram_size 2", dict(no_repeat_ngram_size=2, repetition_penalty=0.4)
    yield "bad_words_ids", dict(bad_words_ids=[[text[0]], [text[4]], text[1:3], text[5:8]])
    yield "sequence_bias", dict(sequence_bias=[[[text[2]], -6.0], [[text[0], 17], 30.0], [text[5:8], -9.5]])
    yield "suppress_tokens", dict(suppress_tokens=[text[0], text[2], text[5]])
    yield "begin_suppress_tokens", dict(begin_suppress_tokens=[text[0], text[1]])
    yield "forced_eos_token_id", dict(forced_eos_token_id=2)
    yield "forced_eos_token_id list", dict(forced_eos_token_id=[2, 9], suppress_tokens=[2])
    yield "exponential_decay_length_penalty", dict(exponential_decay_length_penalty=(3, 1.6))
    yield "renormalize_logits", dict(renormalize_logits=True, repetition_penalty=1.3)
    yield "remove_invalid_values", dict(remove_invalid_values=True, suppress_tokens=[text[1]], bad_words_ids=[[5]])
    yield "watermark lefthash", dict(watermarking_config=dict(bias=4.0, seeding_scheme="lefthash"))
    yield (
        "watermark selfhash",
        dict(watermarking_config=dict(bias=3.0, greenlist_ratio=0.4, seeding_scheme="selfhash", context_width=2)),
    )
    yield "penalties", dict(repetition_penalty=1.4, no_repeat_ngram_size=3, min_new_tokens=4, eos_token_id=[2, early])
    yield (
        "all of them",
        dict(
            repetition_penalty=1.2,
            no_repeat_ngram_size=2,
            bad_words_ids=[[text[0]]],
            sequence_bias=[[[text[1]], 2.5]],
            min_new_tokens=2,
            forced_eos_token_id=2,
            exponential_decay_length_penalty=[4, 1.2],
            suppress_tokens=[text[2]],
            begin_suppress_tokens=[text[3]],
            guidance_scale=1.5,
            watermarking_config=dict(bias=2.0),
            renormalize_logits=True,
        ),
    )


def greedy_cases(model, model_name, prompt):
    text = generate(model, prompt, {}).sequences[0, len(prompt) :].tolist()
    for name, settings in greedy_settings(text, prompt):
        yield case(name, model, model_name, prompt, settings)
    negative = [(7 * token + 3) % 317 + 3 for token in prompt[:5]]
    yield case("guidance_scale", model, model_name, prompt, dict(guidance_scale=2.0))
    yield case("guidance_scale below 1", model, model_name, prompt, dict(guidance_scale=0.3))
    yield case("negative prompt", model, model_name, prompt, dict(guidance_scale=1.7), negative_prompt=negative)
    yield case(
        "longer negative prompt, repetition_penalty",
        model,
        model_name,
        prompt[:4],
        dict(guidance_scale=3.0, repetition_penalty=1.2),
        negative_prompt=negative * 3,
    )
    allowed = [list(range(start, 320, 7)) for start in (1, 3, 5)]
    yield case("prefix_allowed_tokens_fn", model, model_name, prompt, {}, prefix_allowed=allowed)
    yield case(
        "prefix_allowed_tokens_fn, all suppressed",
        model,
        model_name,
        prompt,
        dict(suppress_tokens=[8], bad_words_ids=[[17]], max_new_tokens=3),
        prefix_allowed=[[17], list(range(100))],
    )
    yield case("forced_bos_token_id", model, model_name, prompt[:1], dict(forced_bos_token_id=9))
    yield case(
        "forced_bos_token_id, begin_suppress_tokens",
        model,
        model_name,
        prompt[:1],
        dict(forced_bos_token_id=9, begin_suppress_tokens=[text[0], 9]),
    )
    yield case("prompt of one token", model, model_name, prompt[:1], dict(no_repeat_ngram_size=1))


SAMPLED = [
    {},
    dict(top_k=0),
    dict(temperature=0.5),
    dict(temperature=1.7, top_k=0),
    dict(top_k=1),
    dict(top_k=7),
    dict(top_k=0, top_p=0.3),
    dict(top_k=0, top_p=0.9),
    dict(top_k=30, top_p=0.8, temperature=0.7),
    dict(top_k=0, min_p=0.05),
    dict(top_k=0, min_p=0.3, temperature=1.5),
    dict(top_k=0, typical_p=0.2),
    dict(top_k=0, typical_p=0.9),
    dict(top_k=0, epsilon_cutoff=0.004),
    dict(top_k=0, eta_cutoff=0.01),
    dict(top_k=0, top_h=0.4),
    dict(top_k=0, top_h=0.9, temperature=1.3),
    dict(top_k=40, top_p=0.95, min_p=0.01, typical_p=0.95, epsilon_cutoff=0.001, eta_cutoff=0.001, temperature=0.9),
    dict(top_k=20, repetition_penalty=1.5, no_repeat_ngram_size=1),
    dict(top_k=0, top_p=0.9, guidance_scale=1.8),
    dict(top_k=15, watermarking_config=dict(bias=3.0)),
    dict(top_k=10, renormalize_logits=True, suppress_tokens=[4, 5, 6], sequence_bias=[[[11], 3.0]]),
]


def sampled_cases(model, model_name, prompt):
    for settings in SAMPLED:
        out = generate(model, prompt, dict(do_sample=True, max_new_tokens=1) | settings)
        yield dict(model=model_name, prompt=prompt, settings=settings, scores=base64_of(out.scores[0][0]))


STORIES = [
    ("Once upon a time", ["."]),
    ("Once upon a time", ["girl named"]),
    ("Once upon a time", ["park", "ball"]),
    ("Once upon a time", ["ved to pl"]),
    ("Once upon a time", ["y. S", "never there"]),
    ("Lily saw a", ["\n"]),
    ("One day, Tom and his dog", ["a big,", "in the"]),
    ("The little bird wanted to", ["bird wanted to"]),
]


def story_cases(path):
    tokenizer, model = AutoTokenizer.from_pretrained(path), load(path)
    for prompt, stop_strings in STORIES:
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        out = model.generate(ids, max_new_tokens=60, stop_strings=stop_strings, tokenizer=tokenizer, do_sample=False)
        new = out[0, ids.shape[1] :].tolist()
        text = tokenizer.decode(out[0], skip_special_tokens=True)
        print(f"{stop_strings!r:30} {len(new):3} {text[-40:]!r}")
        yield dict(prompt=prompt, stop_strings=stop_strings, ids=new)


def write_rows(fields):
    """A row a line, so that a change shows as one."""
    parts = []
    for key, rows in fields.items():
        lines = ",\n  ".join(json.dumps(row, separators=(",", ":")) for row in rows)
        parts.append(f'"{key}": [\n  {lines}\n]')
    version = json.dumps(transformers.__version__)
    (HERE / "golden.json").write_text(f'{{"transformers": {version},\n' + ",\n".join(parts) + "\n}\n")


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    cases, sampled = [], []
    for name in MODELS:
        model = load(FIXTURES / name)
        prompt = json.loads((HERE.parent / "models" / f"{name}.json").read_text())["prompt"]
        cases += greedy_cases(model, name, prompt)
        sampled += sampled_cases(model, name, prompt)
    write_rows(dict(cases=cases, sampled=sampled, stories=list(story_cases(sys.argv[1]))))


if __name__ == "__main__":
    main()
