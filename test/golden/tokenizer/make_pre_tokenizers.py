"""Makes pre-tokenizers.json: the words of varied texts by the pre-tokenizers that GGUF files name.

Needs the Python package tokenizers: python make_pre_tokenizers.py

The patterns are those of the models' own files (tokenizer.json, tokenization_kimi.py) where they are known, and of llama.cpp's
src/llama-vocab.cpp else. Words are written as their lengths in bytes; texts are those of make.py, and random ones of characters
of all kinds.
"""

import json
import random
from pathlib import Path

from tokenizers import Regex, pre_tokenizers

HERE = Path(__file__).parent
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
LLAMA3 = CONTRACTIONS + (
    r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
GPT4O = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
KIMI = "|".join([
    r"[\p{Han}]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*"
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}",
    r" ?[^\s\p{L}\p{N}]+[\r\n]*",
    r"\s*[\r\n]+",
    r"\s+(?!\S)",
    r"\s+",
])
ASCII_WORD = r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"""
DEEPSEEK3 = ASCII_WORD + (
    r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPARK = ASCII_WORD + r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+|[\r\n]|\s+(?!\S)|\s+"
CJK_KANA = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+"
DEEPSEEK_CJK = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
# As ranges of code points: editors and repositories have been seen to normalise some of the letters.
CASED = (
    "41-5A 61-7A B5 C0-D6 D8-F6 F8-1BA 1BC-1BF 1C4-293 295-2AF 370-373 376 377 37B-37D 37F 386 388-38A 38C 38E-3A1 3A3-3F5 "
    "3F7-481 48A-52F 531-556 10A0-10C5 13A0-13F5 13F8-13FD 1C90-1CBA 1CBD-1CBF 1D00-1D2B 1D6B-1D77 1D79-1D9A 1E00-1F15 "
    "1F18-1F1D 1F20-1F45 1F48-1F4D 1F50-1F57 1F59 1F5B 1F5D 1F5F-1F7D 1F80-1FB4 1FB6-1FBC 1FBE 1FC2-1FC4 1FC6-1FCC "
    "1FD0-1FD3 1FD6-1FDB 1FE0-1FEC 1FF2-1FF4 1FF6-1FFC 2102 2107 210A-2113 2115 2119-211D 2124 2126 2128 212A-212D "
    "212F-2134 2139 213C-213F 2145-2149 214E 2183 2184 2C00-2C7B 2C7E-2CE4 2CEB-2CEE 2CF2 2CF3 A640-A66D A680-A69B "
    "A722-A76F A771-A787 A78B-A78E AB70-ABBF FB00-FB06 FB13-FB17 FF21-FF3A FF41-FF5A 10400-1044F 104B0-104D3 104D8-104FB "
    "10C80-10CB2 10CC0-10CF2 118A0-118DF 1E900-1E943"
)
DEEPSEEK_LETTERS = r"\s?[" + "".join(
    "-".join(chr(int(end, 16)) for end in part.split("-")) for part in CASED.split()
) + "]+"
DEEPSEEK_SYMBOLS = r"\s?[!-/:-~！-／：-～‘-‟　-。]+"
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
YOUTU_SCRIPTS = "[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|[一-龥぀-ゟ゠-ヿ]+"
JAIS2_SPACES = "|".join(rf"\s{{{count}}}(?!\S)" for count in [512, 256, 128, 64, 32, 16, 8, 4, "1,2"]) + r"|\s{1}"
# By the blocks of Unicode.
AFMOE_SCRIPTS = "[" + "".join(
    "-".join(chr(int(end, 16)) for end in block.split("-"))
    for block in (
        "4E00-9FFF 3400-4DBF F900-FAFF 3040-309F 30A0-30FF FF65-FF9F 2F00-2FDF E40-E7F E80-EFF 1780-17FF 1000-109F AA60-AA7F "
        "A9E0-A9FF AC00-D7AF 1100-11FF"
    ).split()
) + "]+"
DIGITS = pre_tokenizers.Digits(individual_digits=True)

# By one name of each kind; strings are patterns, one after the other.
PRE_TOKENIZERS = {
    "exaone4": [GPT2],
    "exaone": [r"\p{N}", GPT2],
    "glm4": [LLAMA3],
    "minicpm5": [r"\p{N}{1,3}", LLAMA3.replace("{1,3}", "+")],
    "jais-2": [LLAMA3.replace(r"\s+(?!\S)|\s+", JAIS2_SPACES)],
    "stablelm2": [QWEN2],
    "bailingmoe": [
        r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
    ],
    "seed-coder": [
        CONTRACTIONS
        + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}" + "\r\n" + r"]+|\s*[\r\n]+|\s+(?!\S)|\s+"
    ],
    "ufakzeka": [QWEN2.removeprefix(CONTRACTIONS + "|")],
    "laguna": [r"[^\n]+|[\n]+", QWEN2],
    "exaone-moe": [
        CONTRACTIONS
        + r"|[^\r\n\p{L}\p{N}]?(?:\p{L}\p{M}*(?: \p{L}\p{M}*)*)+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?"
        + r"|\s*[\r\n]|\s+(?!\S)|\s+"
    ],
    "minimax-m2": [GPT4O],
    "youtu": [YOUTU_SCRIPTS, GPT4O.replace("{1,3}", "")],
    "kimi-k2": [KIMI],
    "deepseek-v3": [r"\p{N}{1,3}", CJK_KANA, DEEPSEEK3],
    "spark2_5": [r"\p{N}{1,3}", CJK_KANA, SPARK, r"\p{N}"],
    "deepseek-llm": ["[\r\n]", DEEPSEEK_LETTERS, DEEPSEEK_SYMBOLS, r"\s+$", DEEPSEEK_CJK, DIGITS],
    "deepseek-coder": ["[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", DEEPSEEK_CJK, DIGITS],
    "falcon": [r"[\p{P}\$\+<=>\^~\|`]+", GPT2, "[0-9][0-9][0-9]"],
    "bloom": [BLOOM],
    "viking": [BLOOM, r"\p{N}"],
    "tiny_aya": [r"\d{1,3}(?=(?:\d{3})*\b)", GPT4O],
    "afmoe": [r"\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))", AFMOE_SCRIPTS, DEEPSEEK3],
    "chameleon": [
        "<sentinel:[0-9]+>",
        "(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z",
        "([\t\n]|    |  )",
        DIGITS,
        pre_tokenizers.Punctuation("isolated"),
        GPT2,
    ],
    "superbpe": [r"\p{N}+", r"(?=(\d{3})+(?!\d))"],
}

KINDS = [
    "abcdefgsxyz", "ABCDLMRSTV", "äßéñłøμ", "ÄÉŁØΩ", "ǅǈ", "ʰʲˑ", "ªºאבعمहगกข", "中文字今天漢々〇", "ひらがなカタカナー", "한국어ㄱㅎ", "ㄅㄆ",
    "\u0301\u0308\u093e\u0e31", "0123456789", "٣४", "²½ⅷ①", ".,;:!?…。，、।", "'\"()[]{}", "‘’“”—–-_/\\", "$+<=>^`|~€©°", "！／：；～＂",
    " ", "  ", "   ", "\t", "\n", "\r\n", "\n\n", "\u00a0", "\u3000", "\u2028", "ὼώΐΊι\u1fbe\u2126\u212a\u212b", "𝒳𐐀𐍈😀🎉", "ﬁﬓＡａ", "ƻʔⴀა",
]
CHUNKS = ["'s", "'T", "'re", "'LL", "'ve", "'M", "I'd", "don't", "he'S", "123456", " 12", " a b c", "x y", "\n \n", "    ", "IMG", "://", "\u0130'S"]
# After the random ones, which stay as they are.
SPECIAL = ["a<sentinel:12>b <sentinel:>", "IMGIMGABCDZ IMGIMGAJZ IMGIMGABCDEZ", "12345a 1234567 1234_ ١٢٣٤٥ 1234567ⅷ 1234é 1234567\u200dx 1234\u0488 1234Ⓐ 1234₀"]


def random_text(rng):
    kinds = rng.sample(KINDS, rng.randint(2, 6)) + [" "]
    parts = []
    for _ in range(rng.randint(4, 24)):
        if rng.random() < 0.15:
            parts.append(rng.choice(CHUNKS))
            continue
        kind = rng.choice(kinds)
        if kind.isspace():
            parts.append(kind)
        else:
            parts.append("".join(rng.choice(kind) for _ in range(rng.randint(1, 5))))
    return "".join(parts)


def pre_tokenizer(steps):
    splits = [
        pre_tokenizers.Split(Regex(step), behavior="isolated") if isinstance(step, str) else step for step in steps
    ]
    return pre_tokenizers.Sequence([*splits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def main():
    rng = random.Random(0)
    texts = json.loads((HERE / "texts.json").read_text())
    texts += [random_text(rng) for _ in range(120)] + [" " * 700 + "x", "a" + "\n" * 5 + " " * 300 + "1234567"] + SPECIAL
    words = {}
    for name, steps in PRE_TOKENIZERS.items():
        tokenizer = pre_tokenizer(steps)
        words[name] = [[len(word) for word, _ in tokenizer.pre_tokenize_str(text)] for text in texts]
    golden = {"texts": texts, "words": words}
    (HERE / "pre-tokenizers.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


main()
