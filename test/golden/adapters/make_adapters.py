"""LoRA adapters of PEFT for the fixture models (<name>/), and what PEFT computes with them (adapters.json). float32, CPU.

    python test/golden/adapters/make_adapters.py        # needs torch, transformers 5, peft 0.21

A golden holds a random prompt and, little-endian float32 in base64, the logits after it: of the model with its adapter beside it,
which is what was trained. What `merge_and_unload` computes is held to be the same, but where embedding and vocabulary projection
are tied and one of them is adapted: PEFT warns that merging changes both there.
"""

import base64
import json
import shutil
import warnings
from pathlib import Path

import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

GOLDENS = Path(__file__).resolve().parent
FIXTURES = GOLDENS.parent.parent / "fixtures"

ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]

# By name: the fixture, whether its tied embedding is adapted, and PEFT's settings.
CASES = {
    "patterns": (
        "llama",
        False,
        dict(
            target_modules=["q_proj", "v_proj", "down_proj"],
            lora_alpha=3,
            use_rslora=True,
            rank_pattern={"v_proj": 3},
            alpha_pattern={r"^model\.layers\.[12]\.mlp\.down_proj": 7, "self_attn.q_proj": 5},
        ),
    ),
    "bias-all": ("qwen2", False, dict(target_modules=["q_proj", "o_proj"], bias="all")),
    "bias-lora-only": ("qwen2", False, dict(target_modules=["q_proj", "k_proj"], bias="lora_only")),
    "lora-bias": ("qwen2", False, dict(target_modules=["q_proj", "v_proj"], lora_bias=True)),
    "regex": ("qwen3", False, dict(target_modules=r".*\.(?:q|up)_proj", exclude_modules=["model.layers.1.mlp.up_proj"])),
    "dora": ("gemma3", False, dict(target_modules=ALL, use_dora=True, modules_to_save=["norm"])),
    "head": ("llama", False, dict(target_modules=["lm_head", "o_proj"], layers_to_transform=None)),
    "embedding": ("llama3-rope", True, dict(target_modules=["embed_tokens", "q_proj"])),
    "embedding-dora": ("llama3-rope", True, dict(target_modules=["embed_tokens", "up_proj"], use_dora=True)),
    "tied-head": ("llama3-rope", True, dict(target_modules=["lm_head"])),
    "saved-embedding": (
        "llama3-rope",
        True,
        dict(
            target_modules=["q_proj", "gate_proj"],
            modules_to_save=["embed_tokens"],
            layers_to_transform=[0, 2],
            layers_pattern="layers",
        ),
    ),
    # Checkpoints whose modules are others than the graph's parameters.
    "fused": ("phi3", False, dict(target_modules=["qkv_proj", "o_proj", "gate_up_proj"])),
    "fused-by-head": ("gpt_neox", False, dict(target_modules=["query_key_value", "embed_out", "dense_4h_to_h"], bias="all")),
    "transposed": ("gpt2", False, dict(target_modules=["c_attn", "c_fc"], lora_bias=True, modules_to_save=["ln_f"])),
    "transposed-dora": ("gpt2", True, dict(target_modules=["c_attn", "c_proj", "wte"], use_dora=True)),
    "interleaved": ("cohere", False, dict(target_modules=["q_proj", "k_proj", "v_proj"])),
    "renamed": ("starcoder2", False, dict(target_modules=["c_fc", "c_proj", "v_proj"], bias="lora_only")),
    "images": ("gemma3-images", False, dict(target_modules=["q_proj", "down_proj"])),
    "convolutions": ("lfm2-biased", False, dict(target_modules=["in_proj", "out_proj", "k_proj", "w1"], bias="all")),
}


def load(name):
    path = FIXTURES / name
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()


def randomise(model, seed):
    """All that is trained, away from where it begins."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        noise = torch.empty_like(weight).normal_(0, 1, generator=generator)
        if "magnitude" in name:
            weight.data *= 1 + 0.3 * noise
        elif "lora_" in name:
            weight.data = noise * (0.5 if "lora_B" in name else 0.3)
        else:
            weight.data += 0.2 * noise


@torch.no_grad()
def logits_of(model, prompt):
    return model(torch.tensor([prompt])).logits[0, -1]


def main():
    warnings.simplefilter("ignore")
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    goldens = {}
    for seed, (name, (base, is_tied, settings)) in enumerate(CASES.items()):
        settings = dict(r=2, lora_alpha=4, task_type="CAUSAL_LM") | settings
        model = get_peft_model(load(base), LoraConfig(**settings))
        randomise(model, seed)
        directory = GOLDENS / name
        shutil.rmtree(directory, ignore_errors=True)
        model.save_pretrained(directory, save_embedding_layers=False)
        (directory / "README.md").unlink(missing_ok=True)
        config = directory / "adapter_config.json"
        fields = json.loads(config.read_text()) | {"base_model_name_or_path": f"test/fixtures/{base}"}
        # A set's order differs from run to run.
        if isinstance(fields["target_modules"], list):
            fields["target_modules"].sort()
        config.write_text(json.dumps(fields, indent=2) + "\n")
        most = min(320, model.config.get_text_config().vocab_size)
        prompt = torch.randint(3, most, (12,), generator=torch.Generator().manual_seed(seed)).tolist()
        plain = logits_of(load(base), prompt)
        loaded = PeftModel.from_pretrained(load(base), directory).eval()
        logits = logits_of(loaded, prompt)
        assert (logits - logits_of(model.eval(), prompt)).abs().max() < 2e-4, name
        merged = (logits_of(loaded.merge_and_unload(), prompt) - logits).abs().max().item()
        assert is_tied or merged < 2e-4, (name, merged)
        print(f"{name:16} changes logits by {(logits - plain).abs().max():.2f}, merging by {merged:.1e}")
        values = base64.b64encode(logits.numpy().astype("<f4").tobytes()).decode()
        goldens[name] = dict(base=base, prompt=prompt, logits=values)
    result = dict(peft=peft.__version__, transformers=transformers.__version__, adapters=goldens)
    (GOLDENS / "adapters.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
