"""The settings of the golden cases: pairs of a name and what gives the settings after a prompt.

A prompt has `ids`; `text`, the best beam; `ends`, ids that many beams produce early; and `words`, ids that no beam
would produce by itself.
"""

from itertools import product


def beams(num_beams, num_return_sequences=1, **settings):
    return dict(num_beams=num_beams, num_return_sequences=num_return_sequences, **settings)


def beam_search_settings():
    """Names, and settings by prompt."""
    for n in range(2, 9):
        yield f"{n} beams", lambda p, n=n: beams(n, min(n, 3))
        yield f"{n} beams that end", lambda p, n=n: beams(n, n, eos_token_id=p.ends[0])
    for length_penalty, early_stopping in product((-1.0, 0.0, 1.0, 2.0), (False, True, "never")):
        options = dict(length_penalty=length_penalty, early_stopping=early_stopping)
        yield (
            f"length_penalty {length_penalty:g}, early_stopping {early_stopping}",
            lambda p, options=options: beams(4, 3, eos_token_id=p.ends[:2], max_new_tokens=14, **options),
        )
    yield "eos list", lambda p: beams(3, 3, eos_token_id=p.ends[:2])
    yield "eos list, 5 beams", lambda p: beams(5, 4, eos_token_id=p.ends[:3], length_penalty=0.0, early_stopping=True)
    yield "eos list, never", lambda p: beams(2, 2, eos_token_id=p.ends[1:4], early_stopping="never", max_new_tokens=16)
    yield "max_length", lambda p: beams(3, 2, max_length=len(p.ids) + 5)
    yield "one new token", lambda p: beams(5, 5, max_new_tokens=1)
    yield "repetition_penalty", lambda p: beams(4, 2, repetition_penalty=1.5)
    yield "repetition_penalty, eos", lambda p: beams(3, 3, repetition_penalty=0.8, eos_token_id=p.ends[0])
    yield "no_repeat_ngram_size", lambda p: beams(4, 2, no_repeat_ngram_size=2, eos_token_id=p.ends[0])
    yield "bad_words_ids", lambda p: beams(4, 2, bad_words_ids=[[p.text[0]], p.text[2:4]], eos_token_id=p.ends[0])
    yield "min_new_tokens", lambda p: beams(4, 3, min_new_tokens=6, eos_token_id=p.ends[:2])
    yield "min_length", lambda p: beams(3, 2, min_length=len(p.ids) + 5, eos_token_id=p.ends[0])
    yield "suppress_tokens", lambda p: beams(4, 2, suppress_tokens=p.text[1:3], eos_token_id=p.ends[0])
    yield "begin_suppress_tokens", lambda p: beams(3, 2, begin_suppress_tokens=p.text[:1])
    yield "forced_eos_token_id", lambda p: beams(4, 4, forced_eos_token_id=2)
    yield "sequence_bias", lambda p: beams(4, 2, sequence_bias=[[[p.text[0]], -4.5], [p.text[1:3], 3.5], [[9], 2.0]])
    yield "renormalize_logits", lambda p: beams(4, 2, renormalize_logits=True, repetition_penalty=1.3)
    yield (
        "exponential_decay_length_penalty",
        lambda p: beams(4, 3, exponential_decay_length_penalty=[2, 1.3], eos_token_id=p.ends[0]),
    )
    yield "prefix_allowed_tokens_fn", lambda p: beams(4, 3, prefix_allowed=[list(range(i, 320, 7)) for i in (1, 3, 5)])
    yield (
        "all of them",
        lambda p: beams(
            5,
            5,
            repetition_penalty=1.2,
            no_repeat_ngram_size=2,
            bad_words_ids=[[p.text[0]]],
            sequence_bias=[[[p.text[1]], 2.5]],
            min_new_tokens=2,
            forced_eos_token_id=p.ends[0],
            eos_token_id=p.ends[:2],
            exponential_decay_length_penalty=[4, 1.2],
            suppress_tokens=[7, 8, p.text[0]],
            begin_suppress_tokens=p.text[3:4],
            renormalize_logits=True,
            length_penalty=2.0,
            early_stopping="never",
        ),
    )


def groups(num_beams, num_beam_groups, diversity_penalty, num_return_sequences=1, **settings):
    options = dict(num_beam_groups=num_beam_groups, diversity_penalty=diversity_penalty)
    return beams(num_beams, num_return_sequences, **options, **settings)


def group_settings():
    yield "2 groups of 2", lambda p: groups(4, 2, 0.5, 4)
    yield "4 groups of 1", lambda p: groups(4, 4, 1.0, 4, length_penalty=0.0)
    yield "3 groups of 2", lambda p: groups(6, 3, 1.5, 6)
    yield "2 groups of 3, never", lambda p: groups(
        6, 2, 2.0, 4, length_penalty=2.0, early_stopping="never", eos_token_id=p.ends[0]
    )
    yield "4 groups of 2, eos list", lambda p: groups(8, 4, 0.7, 8, early_stopping=True, eos_token_id=p.ends[:2])
    yield "length_penalty -1", lambda p: groups(
        4, 2, 1.0, 4, length_penalty=-1.0, early_stopping=True, eos_token_id=p.ends[0]
    )
    yield "length_penalty 0, eos list", lambda p: groups(6, 3, 0.8, 6, length_penalty=0.0, eos_token_id=p.ends[:3])
    yield "length_penalty 0, never", lambda p: groups(
        4, 2, 0.8, 2, length_penalty=0.0, early_stopping="never", eos_token_id=p.ends[1]
    )
    yield "groups that end early", lambda p: groups(4, 4, 0.6, 4, early_stopping=True, eos_token_id=p.ends[:3])
    yield "repetition_penalty", lambda p: groups(4, 2, 1.2, 3, repetition_penalty=1.3)
    yield "sequence_bias, repetition_penalty", lambda p: groups(
        4, 2, 0.9, 4, repetition_penalty=1.4, sequence_bias=[[[p.text[0]], -1.5]]
    )
    yield "no_repeat_ngram_size", lambda p: groups(
        6, 3, 0.5, 3, no_repeat_ngram_size=2, min_new_tokens=5, eos_token_id=p.ends[:2]
    )
    yield "renormalize_logits", lambda p: groups(6, 2, 1.0, 3, renormalize_logits=True, suppress_tokens=p.text[1:2])


def flat(value):
    return [value] if isinstance(value, int) else [number for item in value for number in flat(item)]


def constrained_settings():
    def forced(num_beams, words, num_return_sequences=1, ends=(), **settings):
        """Without the ends that words hold: HF would write such a word and go on."""
        eos = [end for end in ends if end not in flat(words)]
        optional = dict(eos_token_id=eos) if eos else {}
        return beams(num_beams, num_return_sequences, force_words_ids=words, **optional, **settings)

    yield "one word", lambda p: forced(3, [p.words[:1]])
    yield "one word, 2 returned", lambda p: forced(4, [p.words[1:2]], 2)
    yield "one word, 3 returned", lambda p: forced(6, [p.words[2:3]], 3)
    yield "two words", lambda p: forced(4, [p.words[:1], p.words[1:2]])
    yield "two words, 2 returned", lambda p: forced(6, [p.words[3:4], p.words[1:2]], 2)
    yield "three tokens", lambda p: forced(4, [p.words[:3]])
    yield "two words of several tokens", lambda p: forced(5, [p.words[:2], p.words[3:6]], max_new_tokens=14)
    yield "a likely word", lambda p: forced(3, [p.text[3:5]])
    yield "likely words, eos list", lambda p: forced(
        4, [p.text[:1], [p.words[:1], p.text[1:2]]], length_penalty=0.0, ends=p.ends[:4]
    )
    yield "a likely word, True", lambda p: forced(3, [p.text[:1]], 3, early_stopping=True, ends=p.ends[:4])
    yield "a likely word, length_penalty 0", lambda p: forced(4, [p.text[:1]], 2, length_penalty=0.0, ends=p.ends[1:4])
    yield "disjunctive", lambda p: forced(4, [[p.words[:1], p.words[1:2]]], 2)
    yield "disjunctive, several tokens", lambda p: forced(5, [[p.words[:2], p.words[2:5]]])
    yield "two disjunctions", lambda p: forced(6, [[p.words[:1], p.words[1:2]], [p.words[2:4], p.words[4:5]]])
    yield "mixed", lambda p: forced(6, [p.words[:2], [p.words[2:3], p.words[3:5]]], length_penalty=0.0)
    yield "length_penalty 2, never", lambda p: forced(
        4, [p.words[2:4]], length_penalty=2.0, early_stopping="never", ends=p.ends[:2]
    )
    yield "length_penalty -1, True", lambda p: forced(
        4, [p.words[:1]], 2, length_penalty=-1.0, early_stopping=True, ends=p.ends[:2]
    )
    yield "length_penalty 0", lambda p: forced(
        3, [p.words[4:5], p.text[2:3]], length_penalty=0.0, ends=p.ends[:2]
    )
    yield "eos list", lambda p: forced(5, [p.words[:1]], 2, ends=p.ends[:3])
    yield "a word of the prompt", lambda p: forced(3, [p.ids[-2:-1] or p.ids, p.words[:1]], ends=p.ends[:2])
    yield "too long a word", lambda p: forced(3, [p.words[:5]], 2, max_new_tokens=3)
    yield "repetition_penalty", lambda p: forced(4, [p.words[:2]], repetition_penalty=1.4)
    yield "no_repeat_ngram_size", lambda p: forced(
        4, [p.words[:1], p.text[1:3]], no_repeat_ngram_size=2, min_new_tokens=8, ends=p.ends[:2]
    )


def contrastive_settings():
    def contrast(penalty_alpha, top_k, **settings):
        return dict(penalty_alpha=penalty_alpha, top_k=top_k, **settings)

    yield "0.6, 4", lambda p: contrast(0.6, 4, max_new_tokens=16)
    yield "0.2, 8", lambda p: contrast(0.2, 8)
    yield "0.9, 2", lambda p: contrast(0.9, 2)
    yield "0.6, 6", lambda p: contrast(0.6, 6, repetition_penalty=1.3)
    yield "0.2, 3", lambda p: contrast(0.2, 3, eos_token_id=p.ends[:4])
    yield "0.9, 5", lambda p: contrast(0.9, 5, no_repeat_ngram_size=2, suppress_tokens=p.text[:1])
    yield "0.6, 7, eos", lambda p: contrast(0.6, 7, min_new_tokens=3, eos_token_id=p.text[:6])


def dola_settings():
    def dola(layers, **settings):
        return dict(dola_layers=layers, **settings)

    yield "low", lambda p: dola("low")
    yield "high", lambda p: dola("high")
    yield "low, repetition_penalty", lambda p: dola("low", repetition_penalty=1.2)
    yield "high, repetition_penalty", lambda p: dola("high", repetition_penalty=1.2)
    yield "two layers", lambda p: dola([0, 2])
    yield "one layer", lambda p: dola([1], no_repeat_ngram_size=2)
    yield "three layers", lambda p: dola([0, 1, 2], repetition_penalty=1.4, max_new_tokens=16)
    yield "a layer too many", lambda p: dola([1, 2, 40], repetition_penalty=1.1, eos_token_id=p.text[:8])


def named(mode, settings):
    return [(f"{mode}: {name}", settings_of) for name, settings_of in settings]


def named(mode, settings):
    return [(f"{mode}: {name}", settings_of) for name, settings_of in settings]


BEAM_SEARCH = named("beam search", beam_search_settings())
MOVED = [
    *named("groups", group_settings()),
    *named("constraints", constrained_settings()),
    *named("contrastive search", contrastive_settings()),
    *named("DoLa", dola_settings()),
]
