"""Makes offsets.json: what transformers' fast tokenizers give as `return_offsets_mapping`.

Needs the Python packages tokenizers and transformers, and tokenizers/*.json and texts.json of make.py:

    python make_offsets.py

For each tokenizer by its name: the offsets of the texts in texts.json, and then of those below, flat (start, end, start, …), with the
tokens around the text, and whether they are the same without these tokens. Tokenizers that are made here, with the other normalizers and
pre-tokenizers, are in `made`, as tokenizer.json.
"""

import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers, processors
from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent
MORE = [
    "a\r\nb\r\n\r\nc", "é e\u0301 e\u0301\u0323 o\u0302\u0301", "\u1112\u1161\u11ab \ud55c", "ＦＵＬＬ ｶﾞ ①", "👍🏽 x 👍🏽", "   <tool>  <tool> x",
    "Straße İstanbul ΣΑΣ", "  x", "a  b   c", "日本 語", "x\u0301\u0302\u0323", "½ ﬁ ﷺ", "<|user|> hi <|user|>", "[MASK] a[MASK]b  [MASK]  c", "à la\tcarte",
]


def offsets(tokenizer, texts):
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer)
    encoded = [fast(text, return_offsets_mapping=True) for text in texts]
    bare = [fast(text, return_offsets_mapping=True, add_special_tokens=False) for text in texts]
    flat = lambda encodings: [[at for span in each["offset_mapping"] for at in span] for each in encodings]
    return {"ids": [each["input_ids"] for each in encoded], "offsets": flat(encoded), "bare": flat(bare)}


def changed(base, normalizer=None, pre_tokenizer=None, post_processor=None, added=()):
    tokenizer = Tokenizer.from_file(str(HERE / "tokenizers" / f"{base}.json"))
    if normalizer:
        tokenizer.normalizer = normalizer
    if pre_tokenizer:
        tokenizer.pre_tokenizer = pre_tokenizer
    if post_processor:
        tokenizer.post_processor = post_processor
    tokenizer.add_tokens(list(added))
    return tokenizer


def makes():
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False)
    mask = AddedToken("[MASK]", lstrip=True, rstrip=True, normalized=False)
    prefixed = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return {
        "nfc": changed("gpt2", normalizers.NFC()),
        "nfd": changed("gpt2", normalizers.NFD()),
        "nfkc": changed("gpt2", normalizers.NFKC()),
        "bert": changed("gpt2", normalizers.Sequence([normalizers.NFD(), normalizers.Lowercase(), normalizers.StripAccents()])),
        "strip": changed("gpt2", normalizers.Sequence([normalizers.Strip(), normalizers.Replace(Regex("[ab]+"), "<>")])),
        "mask": changed("gpt2", None, None, None, [mask]),
        "trimmed": changed("gpt2", None, prefixed, processors.ByteLevel(trim_offsets=True, add_prefix_space=True)),
        "roberta": changed("gpt2", None, byte_level, processors.RobertaProcessing(("<|end|>", 1), ("<|bos|>", 0), trim_offsets=True, add_prefix_space=False)),
        "removed": changed("gpt2", None, pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), byte_level])),
        "unknown": changed("llama2", normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁"), normalizers.NFKC()])),
    }


def main():
    texts = json.loads((HERE / "texts.json").read_text()) + MORE
    styles = {path.stem: Tokenizer.from_file(str(path)) for path in sorted((HERE / "tokenizers").glob("*.json"))}
    made = makes()
    golden = {
        "more": MORE,
        # Only what differs from the tokenizer that each is made of is kept: its vocabulary is in tokenizers/.
        "made": {
            name: {key: value for key, value in json.loads(each.to_str()).items() if key in ("normalizer", "pre_tokenizer", "post_processor", "added_tokens")}
            for name, each in made.items()
        },
        "encodings": {name: offsets(each, texts) for name, each in {**styles, **made}.items()},
    }
    (HERE / "offsets.json").write_text(json.dumps(golden, ensure_ascii=True, separators=(",", ":")) + "\n")


main()
