"""Makes chrf.json: the chrF of sentences as sacrebleu has it, from 0 to 1.

    pip install sacrebleu
    python make.py
"""

import json
from pathlib import Path

from sacrebleu.metrics import CHRF

PAIRS = [
    ("the cat sat on the mat", "the cat sat on the mat"),
    ("the cat sat on the mat", "a cat is sitting on a mat"),
    ("the cat", "the cat sat on the mat"),
    ("abc", "xyz"),
    ("ab", "ab"),
    ("a", "abcdef"),
    ("日本語テキスト", "日本のテキスト"),
    ("👍🏽 gut", "👍 gut"),
    ("größer, schöner", "grösser und schöner"),
    ("  spaces   and\ttabs\n", "spaces and tabs"),
]


def main():
    chrf = CHRF()
    rows = [
        {"candidate": candidate, "reference": reference, "chrf": chrf.sentence_score(candidate, [reference]).score / 100}
        for candidate, reference in PAIRS
    ]
    (Path(__file__).parent / "chrf.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")


main()
