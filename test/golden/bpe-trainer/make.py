"""Vocabularies and merges of HF tokenizers' BpeTrainer on small texts: python make.py, with the package tokenizers."""

import json
from pathlib import Path

import tokenizers
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

TEXTS = {
    "words": "low low low low low lower lower newest newest newest newest newest newest widest widest widest\n" * 3,
    "ties": "ab ba ab ba cd dc cd dc xy yx xy yx\n" * 4 + "aab abb bba baa\n" * 4,
    "unicode": "naïve café — “señor” über straße, 日本語のテキスト 日本語 Ελληνικά привет 🙂🙂 e\u0301\n" * 5,
    "numbers": "In 1984, 12,345 of 67890 had 3.14159; it's I'll we've they're 2024-2025\n" * 6,
    "spaces": "a  b   c    d\n\n\n e\tf\r\n  g \n" * 6,
    "runs": "aaaaaaaaaa aaaaa aaaaaaa bbbb bbbbbbbb\n" * 7,
}
SETTINGS = [(270, 0), (300, 2), (330, 5)]


def train(text, vocabulary, frequency, special):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        min_frequency=frequency,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    model = json.loads(tokenizer.to_str())["model"]
    tokens = sorted(model["vocab"], key=model["vocab"].get)
    return {"tokens": tokens, "merges": [pair.split(" ") if isinstance(pair, str) else pair for pair in model["merges"]]}


if __name__ == "__main__":
    special = ["<|endoftext|>", "<|user|>"]
    cases = [
        {"text": text, "vocabSize": size, "minFrequency": frequency, "name": name, **train(text, size, frequency, special)}
        for name, text in TEXTS.items()
        for size, frequency in SETTINGS
    ]
    golden = {"tokenizers": tokenizers.__version__, "specialTokens": special, "cases": cases}
    (Path(__file__).parent / "golden.json").write_text(json.dumps(golden, ensure_ascii=False) + "\n")
