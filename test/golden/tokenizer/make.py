"""Makes the golden files of the tokenizer tests.

Needs the Python packages tokenizers, transformers and gguf, and a copy of stories260K's model.gguf:

    python make.py path/to/stories260K/model.gguf

- tokenizers/*.json: tiny BPE tokenizers, one for each style of pre-tokenizer and decoder. They are trained without
  pre-tokenizer, so that tokens reach across words and every wrong split shows.
- texts.json: the texts to encode
- encodings.json: for each tokenizer the ids of the texts, and random ids with their texts
- gguf.json: GGUF metadata, and what transformers makes of it
"""

import json
import random
import sys
from collections import Counter
from pathlib import Path

from gguf import GGUFReader
from tokenizers import Regex, Tokenizer, decoders, normalizers, pre_tokenizers, processors
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer
from transformers.integrations.gguf import convert_gguf_tokenizer

HERE = Path(__file__).parent
CORPUS = [
    "The quick brown fox jumps over the lazy dog. The dog did not mind; it never does.",
    "It's 1999, and we've 12345 apples, they'll cost $3.50 each - don't we'd say I'm RICH?",
    "def total(values):\n    result = 0\n    for value in values:\n        result += value\n    return result\n",
    "Der schnelle Fuchs springt über den faulen Hund, größer und schöner als zuvor.",
    "Привет, мир! Как дела? 你好，世界。今天天气很好。 こんにちは世界 😀😀 🎉",
    "once  upon   a time\n\nthere was a little girl\r\nwho lived in the woods\t\tnear a river",
]
TEXTS = [
    "", " ", "   ", "Hello world", " leading", "trailing ", "  two  spaces  ", "a\nb", "\n\n\n", "\r\n x \t\ty",
    "don't I'LL we'Ve 'S 's '\u017f they're", "2023-12-31 1234567 3.14", "日本語テキスト 中文字符", "한국어 문장",
    "😀 👩‍👩‍👧‍👦 🇩🇪", "e\u0301 é à̧ n\u0303", "a\u00a0nbsp\u3000x\ufeffbom\u0085nel\u200bzw", "\ufeffstart", "a\u0085 b",
    "def f(x):\n    return x**2  # sq\n", "<s>a</s> b<unk>", "<|bos|>x <|end|>\n<|user|> y<|bos|>", "<tool>z</tool>",
    "١٢٣ ४५६ ⅷ ² ½ x٣y", "مرحبا بالعالم", "русский ТЕКСТ", "\x00\x01\x7f", "\ufffd\ufffd", "x" * 70, "ab " * 20,
    " " * 30, "=====----", "https://a.b/c?d=e&f=g", "<0x0A> <0xE2>", "▁under ▁▁ x ▁", "Ġ Ċ Ģ", "\u2028x\u2029",
    "ß ẞ İ ı camelCase HTTPServer", "𝒳𝓎 𐍈", "ﬁ ligature Å Å", " \n \n a", "\t<b>x</b>\n\n\t\t",
    ".\ufeff.\ufeff .\u0085.\u0085", "a ٣٤ b٣ ٣٤", "x²³ ²³ ½½", "'LL 'Re'VE I'M he'D", "1234567 123", "a▁▁b ▁▁", "...\n\n...\r\n",
]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")


def byte_level(pre_tokenizer, normalizer=None, post_processor=None):
    tokenizer = Tokenizer(BPE())
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=520,
        show_progress=False,
        max_token_length=6,
        special_tokens=["<|bos|>", "<|end|>", "<|user|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    tokenizer.train_from_iterator(CORPUS + TEXTS * 2, trainer)
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.add_tokens(["<tool>"])
    if post_processor:
        tokenizer.post_processor = post_processor
    return tokenizer


def split(regex):
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(regex), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def frequent_characters(texts, count):
    """The texts without their rarer characters: what a byte-fallback vocabulary leaves to its bytes."""
    counts = Counter("".join(texts))
    frequent = set(sorted(counts, key=lambda character: (-counts[character], character))[:count])
    return ["".join(character for character in text if character in frequent) for text in texts]


def sentencepiece(normalizer, pre_tokenizer, decoder):
    tokenizer = Tokenizer(BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    trainer = BpeTrainer(
        vocab_size=480,
        show_progress=False,
        max_token_length=6,
        special_tokens=["<unk>", "<s>", "</s>", *BYTES],
    )
    tokenizer.train_from_iterator(frequent_characters(CORPUS + TEXTS, 60), trainer)
    definition = json.loads(tokenizer.to_str())
    definition["added_tokens"] = [token for token in definition["added_tokens"] if token["id"] < 3]
    tokenizer = Tokenizer.from_str(json.dumps(definition))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoder
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def fallback_decoder(strip):
    parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]
    return decoders.Sequence([*parts, decoders.Strip(" ", 1, 0)] if strip else parts)


def make_tokenizers():
    bos = processors.TemplateProcessing(single="<|bos|> $A", special_tokens=[("<|bos|>", 0)])
    spaces = normalizers.Replace(" ", "▁")
    prepend = normalizers.Sequence([normalizers.Prepend("▁"), spaces])
    digits = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    behaviours = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(" ", "merged_with_previous"),
            pre_tokenizers.Split("\n", "merged_with_next"),
            pre_tokenizers.Split(Regex("[-=]"), "contiguous"),
            pre_tokenizers.Split(Regex(r"[^.]+|\."), "removed", invert=True),
            pre_tokenizers.Split(Regex(r"\d"), "isolated", invert=True),
            pre_tokenizers.Split(",", "removed"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    llama3 = byte_level(
        split(LLAMA3), post_processor=processors.Sequence([processors.ByteLevel(trim_offsets=False), bos])
    )
    llama3.model.ignore_merges = True
    return {
        "gpt2": byte_level(pre_tokenizers.ByteLevel(add_prefix_space=False)),
        "gpt2-prefix": byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True)),
        "smollm": byte_level(digits),
        "llama3": llama3,
        "behaviours": byte_level(behaviours),
        "qwen2": byte_level(split(QWEN2), normalizer=normalizers.NFC()),
        "llama2": sentencepiece(prepend, None, fallback_decoder(strip=True)),
        "gemma": sentencepiece(spaces, pre_tokenizers.Split(" ", "merged_with_previous"), fallback_decoder(strip=False)),
        "metaspace": sentencepiece(None, pre_tokenizers.Metaspace(prepend_scheme="first"), decoders.Metaspace()),
    }


def random_ids(vocab_size):
    """Random ids, and runs of the first ids, where the bytes are: mostly invalid UTF-8."""
    draws = [[random.randrange(vocab_size) for _ in range(random.randint(1, 16))] for _ in range(30)]
    return draws + [[random.randrange(3, 259) for _ in range(random.randint(1, 8))] for _ in range(30)]


def encodings(tokenizer):
    return {
        "ids": [tokenizer.encode(text).ids for text in TEXTS],
        "bare": [tokenizer.encode(text, add_special_tokens=False).ids for text in TEXTS],
        "decoded": [
            {
                "ids": ids,
                "text": tokenizer.decode(ids, skip_special_tokens=False),
                "plain": tokenizer.decode(ids, skip_special_tokens=True),
            }
            for ids in random_ids(tokenizer.get_vocab_size())
        ],
    }


def pieces(tokenizer):
    vocab = tokenizer.get_vocab()
    return sorted(vocab, key=vocab.get)


def gguf_case(architecture, metadata):
    """`tokenizer.ggml.*` of a file, and the ids that transformers gives for the texts (without BOS)."""
    fields = {key.removeprefix("tokenizer.ggml."): value for key, value in metadata.items()}
    fields["tokenizer_type"] = fields["model"]
    fields["pre_tokenizer_type"] = fields.get("pre")
    backend, _ = convert_gguf_tokenizer(architecture, fields)
    ids = [backend.encode(text, add_special_tokens=False).ids for text in TEXTS]
    return {"metadata": {"general.architecture": architecture, **metadata}, "ids": ids}


def gguf_cases(tokenizers, stories):
    reader = GGUFReader(stories)
    keys = [key for key in reader.fields if key.startswith("tokenizer.ggml.")]
    cases = {"stories260K": gguf_case("llama", {key: reader.fields[key].contents() for key in keys})}
    tokens = pieces(tokenizers["gemma"])
    types = [3 if id < 3 else 6 if id < 259 else 1 for id in range(len(tokens))]
    tokens[300:302], types[300:302] = ["       ", "<b>x</b>"], [4, 4]
    assert "▁▁▁▁▁▁▁" not in tokens and len(set(tokens)) == len(tokens)
    scores = [-1000.0 if type == 4 else -float(id) for id, type in enumerate(types)]
    fields = {"model": "llama", "tokens": tokens, "scores": scores, "token_type": types, "unknown_token_id": 0}
    cases["gemma"] = gguf_case("gemma3", {f"tokenizer.ggml.{key}": value for key, value in fields.items()})
    merges = [" ".join(merge) for merge in json.loads(tokenizers["gemma"].to_str())["model"]["merges"]]
    gemma4 = fields | {"model": "gemma4", "tokens": pieces(tokenizers["gemma"]), "token_type": types, "merges": merges}
    gemma4["token_type"] = [1 if type == 4 else type for type in types]
    del gemma4["scores"]
    cases["gemma4"] = gguf_case("gemma4", {f"tokenizer.ggml.{key}": value for key, value in gemma4.items()})
    tokens = pieces(tokenizers["gpt2"])
    fields = {
        "model": "gpt2",
        "tokens": tokens,
        "token_type": [3] * 3 + [1] * (len(tokens) - 4) + [4],
        "merges": [" ".join(merge) for merge in json.loads(tokenizers["gpt2"].to_str())["model"]["merges"]],
    }
    metadata = {f"tokenizer.ggml.{key}": value for key, value in fields.items()}
    cases["gpt2"] = gguf_case("llama", metadata)
    cases["gpt2"]["by_pre"] = {
        pre: gguf_case("llama", {**metadata, "tokenizer.ggml.pre": pre})["ids"]
        for pre in ["llama-bpe", "qwen2", "qwen35", "gpt-4o", "tekken"]
    }
    return cases


def write(name, value):
    path = HERE / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


def main():
    random.seed(0)
    tokenizers = make_tokenizers()
    for name, tokenizer in tokenizers.items():
        write(f"tokenizers/{name}.json", json.loads(tokenizer.to_str()))
    write("texts.json", TEXTS)
    write("encodings.json", {name: encodings(tokenizer) for name, tokenizer in tokenizers.items()})
    write("gguf.json", gguf_cases(tokenizers, sys.argv[1]))


main()
