"""Records llama.cpp's samplers, called in its library through ctypes (numpy, gguf; the library is that of the npm package
@node-llama-cpp/linux-x64 3.14.0, which is llama.cpp b6673; others may have other signatures):

    python make_golden.py DIRECTORY_OF_LIBLLAMA

golden.json  dry        what is taken from the tokens' scores after a text, over the vocabulary of ../tokenizer/tokenizers/smollm.json
             mirostat   texts drawn by Mirostat 2.0: what is left at each place, and the token that was drawn
             the others scores before and after; arrays are base64 of little-endian float32
"""

import base64
import ctypes as c
import json
import sys
import tempfile
from pathlib import Path

import gguf
import numpy as np

HERE = Path(__file__).parent
BINARIES = Path(sys.argv[1])
TOKENIZER = json.loads((HERE / "../tokenizer/tokenizers/smollm.json").read_text())
random = np.random.default_rng(20241029)

c.CDLL(str(BINARIES / "libggml-base.so"), mode=c.RTLD_GLOBAL)
ggml = c.CDLL(str(BINARIES / "libggml.b6673.so"), mode=c.RTLD_GLOBAL)
llama = c.CDLL(str(BINARIES / "libllama.b6673.so"))


class TokenData(c.Structure):
    _fields_ = [("id", c.c_int32), ("logit", c.c_float), ("p", c.c_float)]


class TokenDataArray(c.Structure):
    _fields_ = [("data", c.POINTER(TokenData)), ("size", c.c_size_t), ("selected", c.c_int64), ("sorted", c.c_bool)]


class ModelParams(c.Structure):
    """More than the library's own structure, which is passed in memory and read as far as it goes."""

    _fields_ = [("bytes", c.c_uint8 * 512)]


def declare(name, result, *arguments):
    function = getattr(llama, name)
    function.restype = result
    function.argtypes = arguments
    return function


apply = declare("llama_sampler_apply", None, c.c_void_p, c.POINTER(TokenDataArray))
accept = declare("llama_sampler_accept", None, c.c_void_p, c.c_int32)
init_penalties = declare("llama_sampler_init_penalties", c.c_void_p, c.c_int32, c.c_float, c.c_float, c.c_float)
init_top_n_sigma = declare("llama_sampler_init_top_n_sigma", c.c_void_p, c.c_float)
init_temp_ext = declare("llama_sampler_init_temp_ext", c.c_void_p, c.c_float, c.c_float, c.c_float)
init_xtc = declare("llama_sampler_init_xtc", c.c_void_p, c.c_float, c.c_float, c.c_size_t, c.c_uint32)
init_mirostat = declare("llama_sampler_init_mirostat_v2", c.c_void_p, c.c_uint32, c.c_float, c.c_float)
init_dry = declare(
    "llama_sampler_init_dry",
    c.c_void_p,
    *[c.c_void_p, c.c_int32, c.c_float, c.c_float, c.c_int32, c.c_int32, c.POINTER(c.c_char_p), c.c_size_t],
)
default_params = declare("llama_model_default_params", ModelParams)
load_model = declare("llama_model_load_from_file", c.c_void_p, c.c_char_p, ModelParams)
get_vocab = declare("llama_model_get_vocab", c.c_void_p, c.c_void_p)


def encode(array):
    return base64.b64encode(np.asarray(array, dtype="<f4").tobytes()).decode()


def run(sampler, scores):
    """Scores as the sampler leaves them, by id, -inf for what it dropped; and the id that it selected."""
    data = (TokenData * len(scores))(*[TokenData(i, float(s), 0) for i, s in enumerate(scores)])
    array = TokenDataArray(data, len(scores), -1, False)
    apply(sampler, c.byref(array))
    left = np.full(len(scores), -np.inf, dtype="f4")
    for i in range(array.size):
        left[array.data[i].id] = array.data[i].logit
    return left, array.data[array.selected].id if array.selected >= 0 else None


def rows(size=48):
    normal = random.normal(0, 3, size).astype("f4")
    holes = random.normal(0, 3, size).astype("f4")
    holes[random.choice(size, size // 3, replace=False)] = -np.inf
    peaked = random.normal(0, 1, size).astype("f4")
    peaked[5] += 12
    flat = random.normal(0, 0.05, size).astype("f4")
    return {"normal": normal, "holes": holes, "peaked": peaked, "flat": flat, "equal": np.zeros(size, "f4")}


def load_vocab(directory):
    """A model with the tokenizer, of random weights, for its vocabulary alone."""
    path = str(Path(directory) / "vocabulary.gguf")
    writer = gguf.GGUFWriter(path, "llama")
    model = TOKENIZER["model"]
    tokens = [token for token, _ in sorted(model["vocab"].items(), key=lambda item: item[1])]
    added = {token["content"]: token for token in TOKENIZER["added_tokens"]}
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    for name, value in {"block_count": 1, "context_length": 4096, "embedding_length": 32, "feed_forward_length": 32}.items():
        writer.add_uint32(f"llama.{name}", value)
    writer.add_head_count(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm")
    writer.add_token_list(tokens)
    writer.add_token_types([control if added.get(token, {}).get("special") else normal for token in tokens])
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]])
    shapes = {"token_embd": (len(tokens), 32), "output_norm": (32,), "blk.0.attn_norm": (32,), "blk.0.ffn_norm": (32,)}
    for name in ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]:
        shapes[f"blk.0.{name}"] = (32, 32)
    for name, shape in shapes.items():
        writer.add_tensor(f"{name}.weight", np.zeros(shape, "f4"))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    ggml.ggml_backend_load_all_from_path(str(BINARIES).encode())
    model = load_model(path.encode(), default_params())
    assert model, "llama.cpp does not load the model"
    return get_vocab(model), tokens


def dry_case(vocab, size, ids, multiplier=0.8, base=1.75, allowed=2, last=-1, breakers=("\n", ":", '"', "*")):
    texts = (c.c_char_p * max(1, len(breakers)))(*[text.encode() for text in breakers])
    sampler = init_dry(vocab, 4096, multiplier, base, allowed, last, texts, len(breakers))
    for token in ids:
        accept(sampler, token)
    scores, _ = run(sampler, np.zeros(size))
    settings = {
        "dry_multiplier": multiplier,
        "dry_base": base,
        "dry_allowed_length": allowed,
        "dry_penalty_last_n": last,
        "dry_sequence_breakers": list(breakers),
    }
    changed = [[i, -float(score)] for i, score in enumerate(scores) if score != 0]
    return {"ids": [int(i) for i in ids], "settings": settings, "penalties": changed}


def dry_cases(vocab, tokens):
    size = len(tokens)
    ids = {token: i for i, token in enumerate(tokens)}
    letters = [ids[letter] for letter in "abcdef"]
    marks = [ids[mark] for mark in ["Ċ", ":", '"', "*"]]
    cases = []
    add = lambda *args, **kwargs: cases.append(dry_case(vocab, size, *args, **kwargs))
    phrase = letters[:5]
    add(phrase + [marks[0]] + phrase)
    add(phrase * 6)
    add([letters[0]] * 40)
    add([letters[0]] * 300, base=4.0, multiplier=0.5)
    add(phrase + letters[5:] + phrase[:3])
    add(phrase * 3 + [marks[1]])
    add(phrase * 2 + [marks[2]] + phrase[:2])
    for last in [0, 1, 2, 3, 7, 10, 30, 5000]:
        add(phrase * 5, last=last)
    for allowed in [0, 1, 3, 5, 9, 24, 25]:
        add(phrase * 5, allowed=allowed)
    for base in [1.0, 1.1, 3.0]:
        add(phrase * 4, base=base)
    # Breakers of several tokens, those that tokens end with, and none.
    for breakers in [[], ["c"], ["bc"], ["cde"], ["de"], ["ea"], ["abcde"], ["xa"], ["b", "cd"], [" the end"]]:
        add(phrase * 4 + phrase[:4], breakers=breakers)
    pool = letters[:3] + marks[:1]
    for length in [2, 5, 20, 60, 200]:
        for alphabet in [letters[:2], letters[:3], pool]:
            text = [alphabet[i] for i in random.integers(0, len(alphabet), length)]
            add(text)
            add(text, breakers=["ab", "ca"], allowed=1)
    return cases


def mirostat_case(tau, eta, steps=30, size=48):
    sampler = init_mirostat(7, tau, eta)
    places = []
    for step in range(steps):
        scores = (random.normal(0, 1 + step % 4, size)).astype("f4")
        left, selected = run(sampler, scores)
        places.append({"scores": encode(scores), "left": np.flatnonzero(left > -np.inf).tolist(), "token": selected})
    return {"settings": {"mirostat": 2, "mirostat_tau": tau, "mirostat_eta": eta}, "places": places}


def single_cases():
    cases = []
    ids = [int(i) for i in random.integers(0, 12, 40)]

    def add(settings, sampler, scores, text=()):
        for token in text:
            accept(sampler, token)
        cases.append({"settings": settings, "ids": list(text), "before": encode(scores), "after": encode(run(sampler, scores)[0])})

    for name, scores in rows().items():
        for n in [-1.0, 0.0, 0.5, 2.5]:
            add({"top_n_sigma": n}, init_top_n_sigma(n), scores)
        for temperature, span, exponent in [(1.0, 0.5, 1.0), (0.7, 0.7, 2.0), (1.0, 2.0, 0.5), (2.0, 0.1, 1.0)]:
            settings = {"temperature": temperature, "dynatemp_range": span, "dynatemp_exponent": exponent}
            if name != "holes":  # llama.cpp counts impossible tokens among those that are left.
                add(settings, init_temp_ext(temperature, span, exponent), scores)
        for threshold in [0.02, 0.1, 0.4]:
            settings = {"xtc_probability": 1.0, "xtc_threshold": threshold}
            if name != "equal":  # Which of equals stays is left open.
                add(settings, init_xtc(1.0, threshold, 1, 1), scores)
        for last in [4, 16, 40]:
            settings = {"repetition_penalty": 1.3, "frequency_penalty": 0.4, "presence_penalty": -0.2, "repeat_last_n": last}
            add(settings, init_penalties(last, 1.3, 0.4, -0.2), scores, ids)
    return cases


with tempfile.TemporaryDirectory() as directory:
    vocab, tokens = load_vocab(directory)
    golden = {
        "dry": dry_cases(vocab, tokens),
        "mirostat": [mirostat_case(*case) for case in [(5.0, 0.1), (3.0, 0.5), (1.0, 1.0), (0.0, 0.2)]],
        "single": single_cases(),
    }
(HERE / "golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
