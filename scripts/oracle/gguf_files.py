"""
Checks what write-gguf.ts wrote: the tensors' names of GGUF files are those that gguf's tables have for the architecture, with none missing;
and the logits that transformers computes are those of the original, of what was written in HF layout, and of GGUF files that it reads. (It
does not read their base of rotary embeddings, GPT-2's n_inner, or a head_dim of Qwen3's own: with these it differs for gguf's own files, too.)

    python scripts/oracle/gguf_files.py DIRECTORY        # needs torch, transformers 5.24, gguf

Prints a line for each difference, and how many models were compared. Exit code 1 where one differs.
"""

import sys
from pathlib import Path

import gguf
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
from transformers.modeling_gguf_pytorch_utils import GGUF_SUPPORTED_ARCHITECTURES

TOLERANCE = 2e-4


def names(reader, config):
    """What is wrong with the tensors' names, or None."""
    architecture = str(bytes(reader.fields["general.architecture"].parts[-1]), "utf8")
    arch = next(key for key, name in gguf.MODEL_ARCH_NAMES.items() if name == architecture)
    known = {gguf.TENSOR_NAMES[tensor] for tensor in gguf.MODEL_TENSORS[arch]}
    for tensor in reader.tensors:
        base = tensor.name.rsplit(".", 1)[0]
        bid = base.split(".")[1] if base.startswith("blk.") else None
        if base not in {name.format(bid=bid) for name in known}:
            return f"{tensor.name} is none of {architecture}"
    # A checkpoint's tensors by the converter's own map.
    mapped = gguf.get_tensor_name_map(arch, config.num_hidden_layers)
    own = {tensor.name for tensor in reader.tensors}
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    for key in model.state_dict():
        if key == "lm_head.weight" and config.tie_word_embeddings or ".experts." in key or "shared_mlp" in key:
            continue
        name = mapped.get_name(key, try_suffixes=(".weight", ".bias"))
        if name is not None and name not in own:
            return f"{name} is missing, for {key}"
    return None


@torch.no_grad()
def logits(model, ids):
    return model.eval()(torch.tensor([ids]), use_cache=False).logits[0]


def compared(directory, other, **options):
    """How far the logits of two models are apart, of the largest."""
    options |= dict(dtype=torch.float32, attn_implementation="eager")
    ids = torch.randint(3, 90, (20,), generator=torch.Generator().manual_seed(1)).tolist()
    wanted = logits(load(directory, dtype=torch.float32, attn_implementation="eager"), ids)
    own = logits(load(other, **options), ids)
    return (own - wanted).abs().max() / wanted.abs().max()


def load(directory, **options):
    config = AutoConfig.from_pretrained(directory) if "gguf_file" not in options else None
    with_images = config is not None and hasattr(config, "vision_config")
    return (AutoModelForImageTextToText if with_images else AutoModelForCausalLM).from_pretrained(directory, **options)


def differences(directory):
    for name in ["same", "again"]:
        if not (directory / name).exists():
            continue
        try:
            worst = compared(directory, directory / name)
            if not worst < TOLERANCE:
                yield f"{name}: logits differ by {worst:.2g} of the largest"
        except Exception as error:
            yield f"{name} is not loaded: {type(error).__name__}: {str(error)[:300]}"
    if not (directory / "model.gguf").exists():
        return
    config = AutoConfig.from_pretrained(directory)
    reader = gguf.GGUFReader(directory / "model.gguf")
    wrong = names(reader, getattr(config, "text_config", config))
    if wrong:
        yield wrong
    architecture = str(bytes(reader.fields["general.architecture"].parts[-1]), "utf8")
    if architecture not in GGUF_SUPPORTED_ARCHITECTURES:
        return
    try:
        worst = compared(directory, directory, gguf_file="model.gguf")
        if not worst < TOLERANCE:
            yield f"as GGUF, logits differ by {worst:.2g} of the largest"
    except Exception as error:
        yield f"{architecture} is not loaded as GGUF: {type(error).__name__}: {str(error)[:100]}"


def main():
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    directories = sorted(path.parent for path in Path(sys.argv[1]).glob("*/config.json"))
    found = [(directory, wrong) for directory in directories for wrong in differences(directory)]
    for directory, wrong in found:
        print(f"{directory.name}: {wrong}")
    print(f"{len(directories)} models, {len({directory for directory, _ in found})} of which differ")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
