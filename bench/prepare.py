"""The same weights in each format that the decoding benchmark's peers read.

    pip install torch transformers accelerate gguf onnx onnx-ir onnxruntime-genai
    python bench/prepare.py SOURCE OUT

SOURCE is a Llama-architecture model: a GGUF file (dequantised to float32) or a directory in HF layout with a
byte-level BPE tokenizer. OUT gets

    hf/                              float32 safetensors, config and tokenizer
    gguf/{f32,q8_0,q4_0,q4_0-pure}.gguf   llama.cpp
    transformers-js/                 config, tokenizer and float32 onnx/model.onnx, @huggingface/transformers

GGUF: matrices are quantised by the `gguf` package, norms stay F32 and a tied output stays tied. q8_0 has
every matrix in Q8_0, q4_0-pure every matrix in Q4_0; q4_0 keeps the embedding, which is the output matrix
where tied, in Q8_0. A matrix whose rows are no whole number of blocks is F16.

ONNX: onnxruntime-genai's model builder: GroupQueryAttention with the rotary embedding inside, packed q/k/v,
SkipSimplifiedLayerNormalization. Left out where head_dim is not a multiple of 16, which that operator wants.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import gguf
import onnx
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

F32, F16, Q4_0, Q8_0 = (gguf.GGMLQuantizationType[name] for name in ("F32", "F16", "Q4_0", "Q8_0"))
FILE_TYPES = {
    F32: gguf.LlamaFileType.ALL_F32,
    Q4_0: gguf.LlamaFileType.MOSTLY_Q4_0,
    Q8_0: gguf.LlamaFileType.MOSTLY_Q8_0,
}
VARIANTS = {"f32": (F32, F32), "q8_0": (Q8_0, Q8_0), "q4_0": (Q4_0, Q8_0), "q4_0-pure": (Q4_0, Q4_0)}


def load(source):
    """The model in float32, with no trace of a quantised source, and its tokenizer."""
    place = dict(pretrained_model_name_or_path=source)
    if source.is_file():
        place = dict(pretrained_model_name_or_path=source.parent, gguf_file=source.name)
    loaded = AutoModelForCausalLM.from_pretrained(**place, dtype=torch.float32)
    if not isinstance(loaded, LlamaForCausalLM):
        sys.exit(f"{source}: {type(loaded).__name__} is not LlamaForCausalLM")
    if loaded.config.rope_parameters["rope_type"] != "default":
        sys.exit(f"{source}: rope type {loaded.config.rope_parameters['rope_type']} is not supported")
    if hasattr(loaded.config, "quantization_config"):
        del loaded.config.quantization_config
    model = type(loaded)(loaded.config)
    model.load_state_dict(loaded.state_dict())
    model.generation_config = loaded.generation_config
    return model, AutoTokenizer.from_pretrained(**place)


def permute(weight, heads):
    """llama.cpp's row order of q and k: halves -> interleaved rotary pairs. [heads * dim, width]"""
    rows, width = weight.shape
    return weight.reshape(heads, 2, rows // heads // 2, width).swapaxes(1, 2).reshape(rows, width)


def gguf_tensors(model):
    """GGUF name and float32 weight of each tensor."""
    config = model.config
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        weight = tensor.numpy()
        if "q_proj" in name:
            weight = permute(weight, config.num_attention_heads)
        if "k_proj" in name:
            weight = permute(weight, config.num_key_value_heads)
        yield names.get_name(name, try_suffixes=(".weight",)), weight


def copy_metadata(source, writer):
    """A GGUF source's own metadata; the writer sets architecture, file type and counts itself."""
    own = ("GGUF.", gguf.Keys.General.ARCHITECTURE, gguf.Keys.General.FILE_TYPE)
    for field in gguf.GGUFReader(source).fields.values():
        if not field.name.startswith(own):
            of = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            writer.add_key_value(field.name, field.contents(), field.types[0], of)


def make_metadata(config, writer):
    """Hyperparameters of a directory in HF layout."""
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_vocab_size(config.vocab_size)


def make_vocabulary(hf, config, writer):
    """The vocabulary of a byte-level BPE tokenizer.json."""
    tokenizer = json.loads((hf / "tokenizer.json").read_text())
    steps = tokenizer["pre_tokenizer"] or {"type": None}
    kinds = {step["type"] for step in steps.get("pretokenizers", [steps])}
    if "ByteLevel" not in kinds:
        sys.exit(f"{hf}: no byte-level BPE tokenizer; give the model's GGUF file as the source")
    tokens = {id: token for token, id in tokenizer["model"]["vocab"].items()}
    special = {token["id"] for token in tokenizer["added_tokens"]}
    tokens |= {token["id"]: token["content"] for token in tokenizer["added_tokens"]}
    control, normal = gguf.TokenType.CONTROL, gguf.TokenType.NORMAL
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("smollm" if "Digits" in kinds else "gpt-2")
    writer.add_token_list([tokens.get(i, f"[PAD{i}]") for i in range(config.vocab_size)])
    writer.add_token_types([control if i in special else normal for i in range(config.vocab_size)])
    gguf.SpecialVocab(hf, load_merges=True, n_vocab=config.vocab_size).add_to_gguf(writer)


def storage(name, weight, matrices, embedding):
    if weight.ndim == 1:
        return F32
    kind = embedding if name.startswith("token_embd") else matrices
    return kind if weight.shape[1] % gguf.GGML_QUANT_SIZES[kind][0] == 0 else F16


def write_gguf(source, hf, model, path, matrices, embedding):
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_file_type(FILE_TYPES[matrices])
    if source.is_file():
        copy_metadata(source, writer)
    else:
        make_metadata(model.config, writer)
        make_vocabulary(hf, model.config, writer)
    for name, weight in gguf_tensors(model):
        kind = storage(name, weight, matrices, embedding)
        writer.add_tensor(name, gguf.quants.quantize(weight, kind), raw_dtype=kind)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def fit_transformers_js(graph, head_dim):
    """@huggingface/transformers sizes the empty cache by the inputs' shapes, 0 where a size is symbolic, and
    wants the weights in model.onnx_data."""
    for value in graph.graph.input:
        if value.name.startswith("past_key_values."):
            value.type.tensor_type.shape.dim[3].dim_value = head_dim
    for tensor in graph.graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = "model.onnx_data"


def write_onnx(hf, out, head_dim):
    """The layout of @huggingface/transformers: weights beside the graph in onnx/model.onnx_data."""
    (out / "onnx").mkdir(parents=True)
    with tempfile.TemporaryDirectory(dir=out) as work:
        builder = [sys.executable, "-m", "onnxruntime_genai.models.builder"]
        options = ["-p", "fp32", "-e", "cpu", "-c", work, "--extra_options", "hf_token=false"]
        subprocess.run([*builder, "-i", hf, "-o", work, *options], check=True, capture_output=True)
        graph = onnx.load(Path(work) / "model.onnx", load_external_data=False)
        fit_transformers_js(graph, head_dim)
        onnx.save(graph, out / "onnx" / "model.onnx")
        shutil.move(Path(work) / "model.onnx.data", out / "onnx" / "model.onnx_data")
    for file in hf.iterdir():
        if file.suffix in (".json", ".jinja"):
            shutil.copy(file, out)
    config = json.loads((hf / "config.json").read_text())
    config["transformers.js_config"] = {"use_external_data_format": {"model.onnx": 1}}
    (out / "config.json").write_text(json.dumps(config, indent=2) + "\n")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    source, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    for part in ("hf", "gguf", "transformers-js"):
        shutil.rmtree(out / part, ignore_errors=True)
    model, tokenizer = load(source)
    model.save_pretrained(out / "hf")
    tokenizer.save_pretrained(out / "hf")
    (out / "gguf").mkdir()
    for name, (matrices, embedding) in VARIANTS.items():
        write_gguf(source, out / "hf", model, out / "gguf" / f"{name}.gguf", matrices, embedding)
    if model.config.head_dim % 16:
        print("no ONNX: GroupQueryAttention's rotary embedding wants a head_dim that is a multiple of 16")
    else:
        write_onnx(out / "hf", out / "transformers-js", model.config.head_dim)


if __name__ == "__main__":
    main()
