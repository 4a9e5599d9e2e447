"""
Checks the GGUF files that write-gguf.ts wrote: their tensors' names and shapes are those that gguf's tables have for the architecture, with
none missing; and where transformers reads the architecture, the logits are those of the directory beside.

    python scripts/oracle/gguf_files.py DIRECTORY        # needs torch, transformers 5.24, gguf

Prints a line for each model that differs, and how many were compared. Exit code 1 where one differs.
"""

import sys
from pathlib import Path

import gguf
import torch
import transformers
from transformers import AutoConfig, AutoModelForCausalLM
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


def difference(directory):
    path = directory / "model.gguf"
    config = AutoConfig.from_pretrained(directory)
    reader = gguf.GGUFReader(path)
    wrong = names(reader, getattr(config, "text_config", config))
    if wrong:
        return wrong, False
    architecture = str(bytes(reader.fields["general.architecture"].parts[-1]), "utf8")
    if architecture not in GGUF_SUPPORTED_ARCHITECTURES:
        return None, False
    options = dict(dtype=torch.float32, attn_implementation="eager")
    ids = torch.randint(3, 90, (20,), generator=torch.Generator().manual_seed(1)).tolist()
    try:
        own = logits(AutoModelForCausalLM.from_pretrained(directory, gguf_file="model.gguf", **options), ids)
    except Exception as error:
        return f"{architecture} is not loaded: {type(error).__name__}: {str(error)[:200]}", True
    wanted = logits(AutoModelForCausalLM.from_pretrained(directory, **options), ids)
    worst = (own - wanted).abs().max() / wanted.abs().max()
    return (None if worst < TOLERANCE else f"logits differ by {worst:.2g} of the largest"), True


def main():
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    directories = sorted(path.parent for path in Path(sys.argv[1]).glob("*/model.gguf"))
    different = loaded = 0
    for directory in directories:
        wrong, is_loaded = difference(directory)
        loaded += is_loaded
        if wrong:
            different += 1
            print(f"{directory.name}: {wrong}", flush=True)
    print(f"{len(directories)} files, {loaded} of which transformers reads, {different} differ")
    sys.exit(different > 0)


if __name__ == "__main__":
    main()
