"""What HF transformers' own generate() gives in the modes that search or contrast. float32, CPU, eager attention.

    # needs torch, numpy and transformers 5: beam-search.json and beam-search-stories.json
    # needs torch, numpy and transformers 4.49, the last with the modes that moved out: moved.json, moved-stories.json
    python -B test/golden/beams/make_golden.py path/to/stories260K

Transformers 4.49 has no gemma3 and no qwen3, and of qwen2 it would not read the fixture's RoPE base; of `llama` it
reads the same model as transformers 5, whose `rope_parameters` hold 4.49's defaults.

A case of beams holds its returned `sequences`: `ids` after the prompt, `score` (sequences_scores), `beam_indices`, and
`transitions`, the processed score of each id at the beam that it continues. They add up to the score times the length
to the power of length_penalty; the script checks that. Where 4.49 gives something else, it is mended here:
- Groups: the history of a hypothesis that ends is looked up among the first group's beams, and the indices of all
  groups start at 0. Here the histories are the group's own, and indices count over all groups.
- Constraints: HF's `scores` are sums from the start; `transitions` are their differences.
- The ending token is given as the first of `eos_token_id` whichever it was. Here it is the one whose score is right.
- A hypothesis that fails its constraints has no indices in HF: `beam_indices` and `transitions` are left out. Where
  some fulfil them, but fewer than are returned, HF lets all of the others compete with them by their scores, or raises:
  there is no such case.
A case of contrastive search or DoLa holds `ids`, and by step the processed score of the id (`chosen`) and `logsumexp`
over the processed scores.

A case is kept where the outcome stands when noise is added to the final hidden states and to what the output
embedding gives; otherwise the next prompt is tried.
"""

import json
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path

import torch
import transformers
from grid import BEAM_SEARCH, MOVED
from transformers import AutoModelForCausalLM

HERE = Path(__file__).resolve().parent
FIXTURES = HERE.parent.parent / "fixtures"
MODERN = int(transformers.__version__.split(".")[0]) >= 5
SETTINGS = BEAM_SEARCH if MODERN else MOVED
# The second's prompt is that of the fixture whose weights it has.
MODELS = (
    {name: name for name in ("llama", "qwen3", "gemma3")}
    if MODERN
    else {"llama": "llama", "llama-v4-config": "llama3-rope"}
)
STEPS, NOISE, HIDDEN_NOISE, TRIALS, TOLERANCE = 12, 1e-4, 2e-5, 4, 1e-4


def load(path):
    dtype = {"dtype" if MODERN else "torch_dtype": torch.float32}
    return AutoModelForCausalLM.from_pretrained(path, attn_implementation="eager", **dtype).eval()


@contextmanager
def noise(model, seed):
    """Uniform noise on the final hidden states and on all that the output embedding gives."""
    generator = torch.Generator().manual_seed(seed)

    def hook(width):
        return lambda _module, _inputs, out: out + (2 * torch.rand(out.shape, generator=generator) - 1) * width

    handles = [
        model.get_output_embeddings().register_forward_hook(hook(NOISE)),
        model.model.norm.register_forward_hook(hook(HIDDEN_NOISE)),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class Scorers:
    """The last scorer of 4.49, and histories of groups that are their own."""

    last = None
    fulfilled = False

    def __init__(self):
        from transformers.generation import beam_search

        ordinary, constrained = beam_search.BeamSearchScorer, beam_search.ConstrainedBeamSearchScorer
        for scorer in (ordinary, constrained):
            scorer.finalize = self.remembering(scorer.finalize)
        ordinary.process = self.grouping(ordinary.process)

    def remembering(self, finalize):
        def wrapped(scorer, ids, *args, **kwargs):
            self.last = scorer
            if hasattr(scorer, "constraints"):
                complete = [scorer.check_completes_constraints(row.tolist()) for row in ids]
                self.fulfilled = any(complete) or len(scorer._beam_hyps[0]) > 0
            return finalize(scorer, ids, *args, **kwargs)

        return wrapped

    def grouping(self, process):
        def wrapped(scorer, *args, beam_indices, group_index=0, **kwargs):
            start = group_index * scorer.group_size
            own = beam_indices[start : start + scorer.group_size]
            return process(scorer, *args, beam_indices=own, group_index=group_index, **kwargs)

        return wrapped

    def hypotheses(self, count):
        """(score, ids without the ending one, indices over all beams), the best first, ties as HF has them."""
        groups = self.last._beam_hyps
        if self.fulfilled and any(indices is None for _, _, indices in groups[0].beams):
            raise ValueError("too few fulfil their constraints")
        found = [(group, hypothesis) for group, hyps in enumerate(groups) for hypothesis in hyps.beams]
        found.sort(key=lambda item: item[1][0])
        for group, (score, ids, indices) in found[: -count - 1 : -1]:
            start = group * self.last.group_size
            yield score, ids.tolist(), indices and [start + int(index) for index in indices]


def generate(model, prompt, settings, prefix_allowed=None):
    """`prefix_allowed` is a list of lists of ids: those allowed after n tokens are the (n mod length)-th."""
    arguments = dict(max_new_tokens=STEPS) | settings
    if "max_length" in settings:
        del arguments["max_new_tokens"]
    if prefix_allowed:
        arguments["prefix_allowed_tokens_fn"] = lambda _, ids: prefix_allowed[len(ids) % len(prefix_allowed)]
    ids = torch.tensor([prompt])
    mask = torch.ones_like(ids)
    return model.generate(ids, attention_mask=mask, return_dict_in_generate=True, output_scores=True, **arguments)


def rounded(values):
    return [float(f"{value:.7g}") for value in values]


def ending_ids(model, settings):
    eos = settings.get("eos_token_id", model.generation_config.eos_token_id)
    return eos if isinstance(eos, list) else [eos]


def checked(ids, score, indices, transitions, length_penalty):
    if indices is None:
        return dict(ids=ids, score=rounded([score])[0])
    error = abs(sum(transitions) / len(ids) ** length_penalty - score)
    if not error < TOLERANCE * max(1, abs(score)):
        raise SystemExit(f"{ids}: the transitions are {error} off the score")
    return dict(ids=ids, score=rounded([score])[0], beam_indices=indices, transitions=rounded(transitions))


def searched(model, out, prompt, settings):
    """The returned sequences of transformers 5."""
    scores = model.compute_transition_scores(out.sequences, out.scores, out.beam_indices, normalize_logits=False)
    for row, score, indices, transitions in zip(out.sequences, out.sequences_scores, out.beam_indices, scores):
        indices = [index for index in indices.tolist() if index >= 0]
        ids = row[len(prompt) :][: len(indices)].tolist()
        length_penalty = settings.get("length_penalty", 1.0)
        yield checked(ids, score.item(), indices, transitions[: len(indices)].tolist(), length_penalty)


def searched_by_scorer(model, out, prompt, settings, scorers):
    """The returned sequences of transformers 4.49."""
    length_penalty, accumulated = settings.get("length_penalty", 1.0), "force_words_ids" in settings
    for row, (score, ids, indices) in zip(out.sequences, scorers.hypotheses(len(out.sequences))):
        if row[: len(ids)].tolist() != ids:
            raise SystemExit(f"{ids} is not what was returned, {row.tolist()}")
        ids = ids[len(prompt) :]
        if indices is None:
            yield checked(ids, score, None, None, length_penalty)
            continue
        endings = [[]] if len(ids) == len(indices) else [[end] for end in ending_ids(model, settings)]
        paths = [(ids + end, transitions_of(out, ids + end, indices, accumulated)) for end in endings]
        total = score * len(indices) ** length_penalty
        ids, transitions = min(paths, key=lambda path: abs(sum(path[1]) - total))
        yield checked(ids, score, indices, transitions, length_penalty)


def transitions_of(out, ids, indices, accumulated):
    scores = [out.scores[step][beam, token].item() for step, (beam, token) in enumerate(zip(indices, ids))]
    return [score - before for score, before in zip(scores, [0.0, *scores])] if accumulated else scores


def followed(out, prompt):
    """What modes of a single sequence give."""
    ids = out.sequences[0, len(prompt) :].tolist()
    scores = torch.cat(out.scores)
    chosen = scores[range(len(ids)), ids].tolist()
    return dict(ids=ids, chosen=rounded(chosen), logsumexp=rounded(scores.logsumexp(-1).tolist()))


def outcome(model, prompt, settings, prefix_allowed, scorers):
    out = generate(model, prompt, settings, prefix_allowed)
    if settings.get("num_beams", 1) == 1:
        return followed(out, prompt)
    found = (model, out, prompt, settings)
    return dict(sequences=list(searched_by_scorer(*found, scorers) if scorers else searched(*found)))


def same(one, other):
    """Whether two outcomes agree: numbers up to what the noise does to them, all else exactly."""
    if isinstance(one, float):
        return abs(one - other) < 10 * NOISE * max(1, abs(one))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other))
    return one == other


def stands(model, expected, *arguments):
    for seed in range(TRIALS):
        with noise(model, seed):
            if not same(expected, outcome(model, *arguments)):
                return False
    return True


class Prompt:
    """A prompt, and what beams make of it."""

    def __init__(self, model, ids):
        out = generate(model, ids, dict(num_beams=12, num_return_sequences=12, eos_token_id=None))
        beams = out.sequences[:, len(ids) :].tolist()
        self.ids, self.text = ids, beams[0]
        # What many beams produce early ends them early.
        counts = Counter(token for beam in beams for token in set(beam))
        counts.update(10 * [token for beam in beams for token in set(beam[2:7])])
        self.ends = [token for token, _ in counts.most_common()]
        # Nothing that the beams would produce by themselves.
        self.words = [(7 * token + 11 * i + 3) % 300 + 10 for i, token in enumerate(self.text)]


def case(name, model, model_name, prompts, settings_of, scorers):
    """The first of `prompts` with which the outcome stands."""
    for prompt in prompts:
        settings = settings_of(prompt)
        allowed = settings.pop("prefix_allowed", None)
        try:
            expected = outcome(model, prompt.ids, settings, allowed, scorers)
        except (RuntimeError, ValueError, TypeError) as error:
            print(f"{name:60} {model_name:16} HF raises: {error!r:.120}")
            continue
        if stands(model, expected, prompt.ids, settings, allowed, scorers):
            lengths = [len(one["ids"]) for one in expected.get("sequences", [expected])]
            print(f"{name:60} {model_name:16} {lengths}")
            optional = dict(prefix_allowed=allowed) if allowed else {}
            return dict(name=name, model=model_name, prompt=prompt.ids, settings=settings, **optional, **expected)
        print(f"{name:60} {model_name:16} fragile after {prompt.ids}")
    return None


def cases(model, model_name, prompts, settings, scorers):
    """Each case starts its search for a prompt at another one."""
    for i, (name, settings_of) in enumerate(settings):
        turn = i % len(prompts)
        found = case(name, model, model_name, prompts[turn:] + prompts[:turn], settings_of, scorers)
        if found:
            yield found


def fixture_cases(scorers):
    for model_name, golden in MODELS.items():
        model = load(FIXTURES / model_name)
        prompt = json.loads((HERE.parent / "models" / f"{golden}.json").read_text())["prompt"]
        long = [Prompt(model, ids) for ids in (prompt[:9], prompt[3:11], prompt[2:12], prompt[::-1][:8], prompt[1:10])]
        yield from cases(model, model_name, long, SETTINGS, scorers)
        short = [Prompt(model, [token]) for token in prompt]
        few = [(f"{name}, prompt of one token", settings_of) for name, settings_of in SETTINGS[1::5]]
        yield from cases(model, model_name, short, few, scorers)


def story_cases(path, scorers):
    model = load(path)
    prompts = [row["prompt_ids"] for row in json.loads((Path(path) / "greedy.json").read_text())["rows"]]
    stride = 4 if MODERN else 3
    yield from cases(model, "stories260K", [Prompt(model, ids) for ids in prompts], SETTINGS[2::stride], scorers)


def write(name, rows):
    """A case a line, so that a change shows as one."""
    lines = ",\n  ".join(json.dumps(row, separators=(",", ":")) for row in rows)
    version = json.dumps(transformers.__version__)
    (HERE / f"{name}.json").write_text(f'{{"transformers": {version},\n"cases": [\n  {lines}\n]}}\n')


@torch.no_grad()
def main():
    torch.set_num_threads(1)
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    name = "beam-search" if MODERN else "moved"
    scorers = None if MODERN else Scorers()
    write(name, fixture_cases(scorers))
    write(f"{name}-stories", story_cases(sys.argv[1], scorers))


if __name__ == "__main__":
    main()
