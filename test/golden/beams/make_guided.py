"""Beams under classifier-free guidance: HF transformers' beam search with the negative side that HF's own processor lacks.

    # needs torch, numpy and transformers 5: guided.json
    python -B test/golden/beams/make_guided.py

HF's UnbatchedClassifierFreeGuidanceLogitsProcessor keeps a cache of the negative side by row, and leaves it as it is where
beams change their rows: from then on a beam is held against the tokens of another one. Beam search also adds up what the
processor gives, u + scale (c - u), which are no log-probabilities: their sums can be above 0, and longer is then better.
Here the negative side is run anew over each beam's own tokens, and its result is normalised. All else is HF's: cases are laid
out as make_golden.py says, with the tokens of a negative prompt where there is one.
"""

import json

import make_golden as golden
import torch
import transformers
from grid import beams
from transformers import LogitsProcessor, LogitsProcessorList
from transformers.generation import NoRepeatNGramLogitsProcessor, RepetitionPenaltyLogitsProcessor


class FollowingGuidance(LogitsProcessor):
    def __init__(self, model, prompt_length, negative, scale):
        self.model, self.prompt_length, self.negative, self.scale = model, prompt_length, negative, scale

    def __call__(self, input_ids, scores):
        start = torch.tensor([self.negative]).expand(len(input_ids), -1)
        ids = torch.cat([start, input_ids[:, self.prompt_length :]], dim=-1)
        negative = self.model(ids).logits[:, -1].log_softmax(-1)
        guided = negative + self.scale * (scores.log_softmax(-1) - negative)
        return guided.log_softmax(-1)


def generate(model, prompt, settings, prefix_allowed=None):
    """As make_golden's; guidance comes first, as in HF, so that what is to follow it follows it here."""
    settings = dict(settings)
    negative = settings.pop("negative", prompt[-1:])
    processors = [FollowingGuidance(model, len(prompt), negative, settings.pop("guidance_scale"))]
    if "repetition_penalty" in settings:
        processors.append(RepetitionPenaltyLogitsProcessor(settings.pop("repetition_penalty")))
    if "no_repeat_ngram_size" in settings:
        processors.append(NoRepeatNGramLogitsProcessor(settings.pop("no_repeat_ngram_size")))
    arguments = dict(max_new_tokens=golden.STEPS) | settings
    ids = torch.tensor([prompt])
    return model.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        return_dict_in_generate=True,
        output_scores=True,
        logits_processor=LogitsProcessorList(processors),
        **arguments,
    )


SETTINGS = [
    ("guidance: 2 beams", lambda p: beams(2, 2, guidance_scale=1.5)),
    ("guidance: 4 beams", lambda p: beams(4, 3, guidance_scale=1.5)),
    ("guidance: one new token", lambda p: beams(4, 4, guidance_scale=1.5, max_new_tokens=1)),
    ("guidance: 8 beams, 3", lambda p: beams(8, 4, guidance_scale=3.0)),
    ("guidance: below 1", lambda p: beams(4, 2, guidance_scale=0.5)),
    ("guidance: beams that end", lambda p: beams(4, 4, guidance_scale=1.7, eos_token_id=p.ends[:2])),
    (
        "guidance: length_penalty -1",
        lambda p: beams(4, 2, guidance_scale=1.5, length_penalty=-1.0, eos_token_id=p.ends[0]),
    ),
    ("guidance: repetition_penalty", lambda p: beams(4, 2, guidance_scale=1.5, repetition_penalty=3.0)),
    ("guidance: no_repeat_ngram_size", lambda p: beams(3, 2, guidance_scale=2.0, no_repeat_ngram_size=2)),
    ("guidance: a negative prompt", lambda p: beams(4, 3, guidance_scale=1.5, negative=p.ids[2:5])),
]


def cases():
    for name in golden.MODELS:
        model = golden.load(golden.FIXTURES / name)
        prompt = json.loads((golden.HERE.parent / "models" / f"{name}.json").read_text())["prompt"]
        prompts = [golden.Prompt(model, ids) for ids in (prompt[:9], prompt[3:11], prompt[2:12], prompt[::-1][:8])]
        golden.generate = generate
        for found in golden.cases(model, name, prompts, SETTINGS, None):
            negative = found["settings"].pop("negative", None)
            yield found | (dict(negative=negative) if negative else {})
        golden.generate = plain


plain = golden.generate


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    golden.write("guided", cases())


if __name__ == "__main__":
    main()
