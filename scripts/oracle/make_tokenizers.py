"""Makes tokenizers of many kinds, and what transformers makes of texts with them, for compare-tokenizers.ts.

Needs the Python packages transformers (5.24) and tokenizers:

    python scripts/oracle/make_tokenizers.py DIR [--seed 0] [--texts 341]
    npx tsx scripts/oracle/compare-tokenizers.ts DIR

In DIR there is a directory for each tokenizer, with its files and expected.json: whether AutoTokenizer loads it, the ids of
each text with and without special tokens, the texts of these ids and of random ones with and without special tokens, and the
special tokens. With --golden FILE the same is written to one file, the tokenizers as what they change of two. Tokenizers are
small ones, trained on a few lines, so that rare paths (bytes, unknown tokens, merges across
words) are taken all the time.
"""

import argparse
import copy
import json
import random
import shutil
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers import AutoTokenizer
from transformers.utils import logging

logging.set_verbosity_error()

CORPUS = [
    "The quick brown fox jumps over the lazy dog. The dog did not mind; it never does.",
    "It's 1999, and we've 12345 apples, they'll cost $3.50 each - don't we'd say I'm RICH?",
    "def total(values):\n    result = 0\n    for value in values:\n        result += value\n    return result\n",
    "Der schnelle Fuchs springt über den faulen Hund, größer und schöner als zuvor.",
    "Привет, мир! Как дела? 你好，世界。今天天气很好。 こんにちは世界 😀😀 🎉",
    "once  upon   a time\n\nthere was a little girl\r\nwho lived in the woods\t\tnear a river, one day after the day",
]
SPECIALS = ["<s>", "</s>", "<unk>", "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<tool>", "<r>", "<l>", "day", "Day", "  "]
ALPHABETS = [
    "abcdefgh THEdog  ", "0123456789 .,-", "äöüßÄéàñ", "Привет мир", "你好世界今天", "こんにちは", "한국어", "مرحبا", "नमस्ते",
    "😀🎉🇩🇪👩‍👧", "\u0301\u0303\u0327\u200d\u200b\ufe0f", "\x00\x01\x07\x1b\x7f\x85", " \t\n\r\u00a0\u3000\u2028\ufeff",
    "ﬁﬀ①²½Ⅷ٣४", "Σςσİıſẞ", "▁_Ġ", "'s'tI'LL'Re", "𝒳𝓎𐍈", "<>|/[]{}()!?#$%&*+-=@^`~\"\\",
]
WORDS = "the dog day days one two once upon a time it's we've 12345 3.14 def return HTTPServer camelCase über größer".split()
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]


def texts(rng, count):
    fixed = ["", " ", "  ", "\n", "a", " a", "a ", "one day, two days, day", "<r>  day", "<r>   <l>  x <l>", "\u0301", "<s><s> <s>"]
    return fixed + [text(rng) for _ in range(count - len(fixed))]


def text(rng):
    parts = []
    for _ in range(rng.randint(1, 12)):
        kind = rng.random()
        if kind < 0.35:
            alphabet = rng.choice(ALPHABETS)
            parts.append("".join(rng.choice(alphabet) for _ in range(rng.randint(1, 6))))
        elif kind < 0.65:
            parts.append(rng.choice(WORDS))
        elif kind < 0.85:
            parts.append(rng.choice(SPECIALS))
        else:
            parts.append(rng.choice([" ", "  ", "\n", "\t ", " \u3000", "\n\n"]))
        if rng.random() < 0.4:
            parts.append(" ")
    return "".join(parts)


def byte_level():
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    trainer = BpeTrainer(
        vocab_size=480,
        show_progress=False,
        max_token_length=7,
        special_tokens=["<s>", "</s>", "<unk>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(CORPUS * 2, trainer)
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return json.loads(tokenizer.to_str())


def sentencepiece():
    tokenizer = Tokenizer(BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    trainer = BpeTrainer(
        vocab_size=460, show_progress=False, max_token_length=6, special_tokens=["<unk>", "<s>", "</s>", *BYTES]
    )
    rare = set("".join(CORPUS[4:5])) - set(" ")
    tokenizer.train_from_iterator(["".join(c for c in line if c not in rare) for line in CORPUS], trainer)
    definition = json.loads(tokenizer.to_str())
    definition["added_tokens"] = [token for token in definition["added_tokens"] if token["id"] < 3]
    definition["normalizer"] = None
    definition["pre_tokenizer"] = stage(pre_tokenizers.Metaspace(prepend_scheme="first", split=False))
    definition["decoder"] = stage(fallback(strip=True))
    definition["post_processor"] = stage(processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)]))
    return definition


def fallback(strip):
    parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence([*parts, decoders.Strip(" ", 1, 0)] if strip else parts)


def stage(component):
    return json.loads(component.__getstate__())


def added(content, id=9999, **flags):
    defaults = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": False}
    return {"id": id, "content": content, **defaults, **flags}


def variants():
    """Each: name, tokenizer.json, and further files by name."""
    base, spm = byte_level(), sentencepiece()
    backend = {"tokenizer_class": "PreTrainedTokenizerFast"}
    llama = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}

    def of(definition, tokens=(), model={}, **stages):
        changed = copy.deepcopy(definition)
        changed["model"].update(model)
        changed["added_tokens"] += [{**token, "id": 600 + i} for i, token in enumerate(tokens)]
        for name, value in stages.items():
            changed[name] = stage(value) if value is not None and not isinstance(value, (dict, list)) else value
        return changed

    def split(pattern, behavior, invert=False):
        level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        return pre_tokenizers.Sequence([pre_tokenizers.Split(pattern, behavior, invert), level])

    def level(*before):
        return pre_tokenizers.Sequence([*before, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])

    def config(**fields):
        return {"tokenizer_config.json": {**backend, **fields}}

    behaviors = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
    llama3 = (
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
        r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )
    yield "byte-level", base, {}
    yield "byte-level-prefix", of(base, pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=True)), {}
    yield "llama3-words", of(base, pre_tokenizer=split(Regex(llama3), "isolated"), model={"ignore_merges": True}), {}
    yield "qwen2-words", of(base, pre_tokenizer=split(Regex(llama3.replace("{1,3}", "")), "isolated"), normalizer=normalizers.NFC()), {}
    for behavior in behaviors:
        yield f"split-{behavior}", of(base, pre_tokenizer=split(Regex(r"\s|[aeo]+|x*"), behavior)), {}
        yield f"split-{behavior}-inverted", of(base, pre_tokenizer=split(Regex(r"\w+"), behavior, True)), {}
        yield f"split-{behavior}-text", of(base, pre_tokenizer=split(" ", behavior)), {}
        yield f"punctuation-{behavior}", of(base, pre_tokenizer=level(pre_tokenizers.Punctuation(behavior))), {}
    yield "digits", of(base, pre_tokenizer=level(pre_tokenizers.Digits(True))), {}
    yield "digits-together", of(base, pre_tokenizer=level(pre_tokenizers.Digits(False))), {}
    yield "whitespace", of(base, pre_tokenizer=level(pre_tokenizers.Whitespace())), {}
    yield "whitespace-split", of(base, pre_tokenizer=level(pre_tokenizers.WhitespaceSplit())), {}
    yield "bert-words", of(base, pre_tokenizer=level(pre_tokenizers.BertPreTokenizer())), {}
    yield "delimiter", of(base, pre_tokenizer=level(pre_tokenizers.CharDelimiterSplit("o"))), {}
    yield "fixed-length", of(base, pre_tokenizer=level(pre_tokenizers.FixedLength(3))), {}
    for scheme in ["first", "always", "never"]:
        for cut in [True, False]:
            yield f"metaspace-{scheme}-{cut}", of(spm, pre_tokenizer=pre_tokenizers.Metaspace(prepend_scheme=scheme, split=cut), decoder=decoders.Metaspace(prepend_scheme=scheme)), {}
    yield "metaspace-after-split", of(spm, pre_tokenizer=pre_tokenizers.Sequence([pre_tokenizers.Split("o", "merged_with_next"), pre_tokenizers.Metaspace(prepend_scheme="first")])), {}
    prepend = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    yield "llama2-legacy", of(spm, normalizer=prepend, pre_tokenizer=None), {}
    yield "gemma", of(spm, normalizer=normalizers.Replace(" ", "▁"), pre_tokenizer=pre_tokenizers.Split(" ", "merged_with_previous"), decoder=fallback(strip=False)), {}
    yield "no-byte-fallback", of(spm, model={"byte_fallback": False}), {}
    yield "no-fuse", of(spm, model={"byte_fallback": False, "fuse_unk": False}), {}
    yield "some-bytes", of(spm, model={"vocab": {k: v for k, v in spm["model"]["vocab"].items() if k not in BYTES[0xE0:]}}), {}
    yield "no-unk", of(spm, model={"byte_fallback": False, "unk_token": None}), {}
    yield "no-decoder", of(base, decoder=None), {}
    yield "legacy-merges", of(base, model={"merges": [" ".join(m) for m in base["model"]["merges"]]}), {}
    for name in ["NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents"]:
        yield f"normalizer-{name}", of(base, [added("Day", normalized=True), added("<R>", normalized=True)], normalizer=getattr(normalizers, name)()), {}
    yield "normalizer-strip", of(base, normalizer=normalizers.Strip()), {}
    yield "normalizer-strip-left", of(base, normalizer=normalizers.Strip(True, False)), {}
    yield "normalizer-replace", of(base, normalizer=normalizers.Replace(Regex(r"\s+|o+"), "_")), {}
    yield "normalizer-bytes", of(base, [added("Day é", normalized=True)], normalizer=normalizers.Sequence([normalizers.Lowercase(), normalizers.ByteLevel()]), pre_tokenizer=None), {}
    yield "normalized-prefix", of(spm, [added("day", normalized=True), added("<tool>", normalized=True, special=True)], normalizer=prepend, pre_tokenizer=None), {}
    for flag in ["single_word", "lstrip", "rstrip", "normalized", "special"]:
        tokens = [added(content, **{flag: True}) for content in ["day", "<tool>", "<r>", "한", "  "]]
        yield f"added-{flag}", of(base, tokens), {}
        yield f"added-{flag}-metaspace", of(spm, tokens, normalizer=normalizers.Lowercase()), {}
    yield "added-strips", of(base, [added("<r>", rstrip=True), added("<l>", lstrip=True), added("<tool>", lstrip=True, rstrip=True), added("  "), added(" \n")]), {}
    yield "added-overlaps", of(base, [added("<|im"), added("<|im_start|>"), added("im_start|> x"), added("da", single_word=True), added("day")]), {}
    yield "added-gap", of(base, [added("<tool>"), added("<r>", special=True)]), config(additional_special_tokens=["<l>"])
    ends = {"eos_token": "day", "pad_token": "<tool>", "sep_token": "<l>", "mask_token": {"__type": "AddedToken", "content": "<r>", "lstrip": True}}
    yield "config-specials", base, config(**ends)
    yield "config-model-specific", base, config(image_token="<tool>", image_token_id=3, eoi_token="<r>", add_day_token=True)
    yield "config-extra-list", base, config(extra_special_tokens=["day", "<tool>"])
    yield "config-extra-object", base, config(extra_special_tokens={"image_token": "<tool>", "day": "day"})
    yield "config-additional", base, config(additional_special_tokens=["day", "<tool>", "<|im_start|>"])
    yield "config-additional-and-extra", base, config(additional_special_tokens=["day"], extra_special_tokens=["<tool>"])
    yield "config-padding", of(base, padding={"strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "day"}), config()
    yield "config-truncation", of(base, truncation={"max_length": 4, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}), config()
    yield "config-split-special", of(base, [added("<tool>", special=True), added("<r>")]), config(split_special_tokens=True)
    yield "config-add-bos", base, config(bos_token="<s>", eos_token="</s>", add_bos_token=True, add_eos_token=True)
    yield "config-cleanup", base, config(clean_up_tokenization_spaces=True)
    yield "config-named-added", of(base, [added("<|im_end|>"), added("<tool>")]), config(eos_token="<|im_end|>", pad_token="<tool>")
    decoder = {"700": added("<tool>", special=True), "650": added("<|im_start|>"), "651": added("day", single_word=True), "1": added("</s>", lstrip=True)}
    for token in decoder.values():
        del token["id"]
    yield "decoder", base, config(added_tokens_decoder=decoder, eos_token="<|im_start|>")
    yield "decoder-and-map", base, {**config(added_tokens_decoder=decoder), "special_tokens_map.json": {"eos_token": "day"}, "added_tokens.json": {"<r>": 601}}
    yield "map", base, {**config(bos_token="<tool>"), "special_tokens_map.json": {"bos_token": "<s>", "eos_token": {"content": "day", "lstrip": False, "rstrip": True, "normalized": False, "single_word": False}}}
    yield "map-additional", base, {**config(), "special_tokens_map.json": {"additional_special_tokens": ["<tool>", "day"]}}
    yield "map-extra", base, {**config(extra_special_tokens=["<r>"]), "special_tokens_map.json": {"extra_special_tokens": ["<tool>", {"content": "day", "single_word": True, "lstrip": False, "rstrip": False, "normalized": False}]}}
    yield "added-file", base, {**config(eos_token="<|im_end|>"), "added_tokens.json": {"<|im_start|>": 601, "<|im_end|>": 600, "<tool>": 5}}
    yield "added-file-normalized", of(base, normalizer=normalizers.Lowercase()), {**config(eos_token="<|IM_END|>"), "added_tokens.json": {"Day": 600, "<|IM_END|>": 601}}
    yield "no-config", of(base, [added("<tool>", special=True)]), {"added_tokens.json": {"<r>": 601}}
    for name, fields in {"": {}, "-no-prefix": {"add_prefix_space": False}, "-legacy": {"legacy": True}, "-ends": {"eos_token": "day", "pad_token": "<tool>"}}.items():
        yield f"llama-class{name}", of(spm, [added("<tool>"), added("<|im_start|>", special=True)]), {"tokenizer_config.json": {**llama, **fields}}
    yield "llama-class-bytes", base, {"tokenizer_config.json": llama}
    yield "llama-class-decoder", of(spm, [added("<tool>")]), {"tokenizer_config.json": {**llama, "added_tokens_decoder": decoder}}
    for model, name in [("llama", "GPT2Tokenizer"), ("llama", "GPT2TokenizerFast"), ("llama", "GPTNeoXTokenizerFast"), ("qwen2", "Qwen2Tokenizer"), ("qwen2", "PreTrainedTokenizerFast"), ("qwen2", None), ("qwen3", "PreTrainedTokenizerFast"), ("qwen3", "Qwen2TokenizerFast"), ("qwen3", None), ("qwen2", "LlamaTokenizerFast"), ("llama", "Qwen2Tokenizer"), ("llama", "Qwen3_5Tokenizer"), ("llama", "NoSuchTokenizer")]:
        fields = {"tokenizer_class": name} if name else {}
        tokens = [added("<|endoftext|>", special=True), added("<tool>", rstrip=True), added("<|im_end|>", lstrip=True)]
        pre = pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
        yield f"class-{model}-{name}", of(base, tokens, pre_tokenizer=pre), {"tokenizer_config.json": {"eos_token": "<|im_end|>", **fields}, "config.json": {"model_type": model}}
    for model, name in [("gemma3_text", "GemmaTokenizerFast"), ("gemma3_text", None), ("gemma3_text", "LlamaTokenizer"), ("llama", "GemmaTokenizer")]:
        fields = {"tokenizer_class": name} if name else {}
        yield f"class-{model}-{name}", of(spm, [added("<tool>"), added("<|im_start|>", special=True)]), {"tokenizer_config.json": {"eos_token": "</s>", "bos_token": "<s>", **fields}, "config.json": {"model_type": model}}
    ends = processors.Sequence([processors.ByteLevel(), processors.TemplateProcessing(single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 1)])])
    yield "template-ends", of(base, post_processor=ends), {}
    yield "roberta-ends", of(base, post_processor=processors.RobertaProcessing(("</s>", 1), ("<s>", 0))), {}


def encoded(tokenizer, text):
    """Nothing where Rust panics, as its Strip does before some characters."""
    try:
        bare = tokenizer(text, add_special_tokens=False)["input_ids"]
        return [{"text": text, "ids": tokenizer(text)["input_ids"], "bare": bare}]
    except BaseException as error:
        if "Panic" not in type(error).__name__:
            raise
        return []


def expected(tokenizer, texts, rng):
    cases = [case for text in texts for case in encoded(tokenizer, text)]
    sequences = [case["ids"] for case in cases]
    sequences += [[rng.randrange(len(tokenizer)) for _ in range(rng.randint(1, 12))] for _ in range(len(texts) // 6)]
    decoded = [
        {"ids": ids, "text": tokenizer.decode(ids), "plain": tokenizer.decode(ids, skip_special_tokens=True)}
        for ids in sequences
    ]
    names = ["bos_token", "eos_token", "pad_token", "unk_token"]
    special = {name: [getattr(tokenizer, name), getattr(tokenizer, f"{name}_id")] for name in names}
    return {"cases": cases, "decoded": decoded, "special": special, "size": len(tokenizer)}


def changes(definition, models):
    """A tokenizer.json as what it changes of the first of `models` that has its vocabulary."""
    model = definition["model"]
    name = next(name for name in models if models[name]["vocab"].items() >= model["vocab"].items())
    changed = {key: value for key, value in model.items() if value != models[name][key]}
    return {**definition, "model": changed, "of": name}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--texts", type=int, default=341)
    parser.add_argument("--golden", type=Path)
    options = parser.parse_args()
    models = {"byte-level": byte_level()["model"], "sentencepiece": sentencepiece()["model"]}
    golden = {}
    rng = random.Random(options.seed)
    inputs = texts(rng, options.texts)
    for name, definition, files in variants():
        folder = options.directory / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for file, content in {"tokenizer.json": definition, "config.json": {"model_type": "llama"}, **files}.items():
            (folder / file).write_text(json.dumps(content))
        try:
            result = expected(AutoTokenizer.from_pretrained(folder), inputs, rng)
        except Exception as error:
            result = {"error": f"{type(error).__name__}: {error}"}
            print(f"{name}: {result['error'][:200]}")
        (folder / "expected.json").write_text(json.dumps(result))
        golden[name] = {"tokenizer": changes(definition, models), "files": files, **result}
    if options.golden:
        golden = {"models": models, "tokenizers": golden}
        options.golden.write_text(json.dumps(golden, separators=(",", ":")) + "\n")


main()
