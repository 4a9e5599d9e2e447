"""Trees, candidates and choices of FasterDecoding/Medusa's own code, and of HF transformers' `_speculative_sampling`.

Run from the repository's root: python test/golden/drafts/make_golden.py MEDUSA
MEDUSA is a checkout of FasterDecoding/Medusa (e2a5d20). Needs torch and transformers; writes
test/golden/drafts/golden.json. What is drawn at random is recorded with the numbers that it was drawn by.
"""

import importlib.util
import json
import sys
from pathlib import Path
from unittest import mock

import torch
import transformers
from transformers.generation.utils import _speculative_sampling

VOCAB, HEADS = 24, 4
SMALL = [[0], [1], [2], [0, 0], [0, 1], [1, 0], [0, 0, 0], [0, 0, 1], [0, 0, 0, 0]]


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rounded(tensor):
    return [round(value, 3) for value in tensor.flatten().tolist()]


def bits(mask):
    return ["".join(str(int(value)) for value in row) for row in mask.tolist()]


def medusa_case(utils, name, choices, seed, scale, temperature):
    """A tree of candidates, the target's scores after each node, and what is accepted."""
    generator = torch.Generator().manual_seed(seed)
    buffers = utils.generate_medusa_buffers(choices, device="cpu")
    draw = lambda *shape: torch.tensor(rounded(torch.randn(*shape, generator=generator) * scale)).reshape(shape)
    heads, first = draw(HEADS, 1, 1, VOCAB), draw(1, 1, VOCAB)
    paths, tree = utils.generate_candidates(heads, first, buffers["tree_indices"], buffers["retrieve_indices"])
    # Scores by node of the tree, the root first, and gathered by path as tree_decoding does. What a node's child says
    # is made likely now and then, so that some paths are accepted.
    scores = draw(tree.shape[1], VOCAB)
    mask = buffers["medusa_attn_mask"][0, 0]
    for node in range(1, tree.shape[1]):
        ancestors = [i for i in range(node) if mask[node, i] == 1]
        depths = [buffers["medusa_position_ids"][i].item() for i in ancestors]
        parent = ancestors[depths.index(max(depths))]
        if torch.rand(1, generator=generator) < 0.5:
            scores[parent, tree[0, node]] += 2 * scale
    scores = torch.tensor(rounded(scores)).reshape(scores.shape)
    logits = scores[buffers["retrieve_indices"]]
    best, accepted = utils.evaluate_posterior(
        logits, paths, temperature, posterior_threshold=0.09, posterior_alpha=0.3, fast=True
    )
    # Short paths are padded with token 0, and Medusa accepts the padding where token 0 is likely: cases of no use.
    if buffers["retrieve_indices"][best, int(accepted)] < 0:
        return None
    # A path's first token is the root, which was committed before.
    return {
        "choices": name,
        "temperature": temperature,
        "root": tree[0, 0].item(),
        "tokens": tree[0, 1:].tolist(),
        "candidates": torch.topk(heads[:, 0, -1], utils.TOPK, dim=-1).indices.tolist(),
        "mask": bits(mask),
        "depths": buffers["medusa_position_ids"][1:].tolist(),
        "scores": [rounded(row) for row in scores],
        "accepted": paths[best, 1 : int(accepted) + 1].tolist(),
    }


def speculative_case(seed, gamma, nearness):
    generator = torch.Generator().manual_seed(seed)
    draft = torch.randn(1, gamma, VOCAB, generator=generator) * 2
    target = torch.randn(1, gamma + 1, VOCAB, generator=generator) * 2
    target[:, :gamma] = nearness * draft + (1 - nearness) * target[:, :gamma]
    draft, target = (torch.tensor(rounded(x)).reshape(x.shape) for x in (draft, target))
    tokens = torch.multinomial(draft[0].softmax(-1), 1, generator=generator).T
    uniform = torch.tensor(rounded(torch.rand(gamma, generator=generator)))
    left = []

    def multinomial(p, num_samples):
        left.append(p)
        return torch.zeros(1, 1, dtype=torch.long)

    with mock.patch("torch.rand_like", lambda _: uniform), mock.patch("torch.multinomial", multinomial):
        _, matches = _speculative_sampling(tokens, draft, gamma, target)
    return {
        "draft": [rounded(row) for row in draft[0]],
        "target": [rounded(row) for row in target[0]],
        "tokens": tokens[0].tolist(),
        "uniform": uniform.tolist(),
        "matches": int(matches),
        "left": [round(value, 7) for value in left[0].flatten().tolist()],
    }


def main():
    medusa = Path(sys.argv[1])
    utils, shipped = load(medusa / "medusa/model/utils.py"), load(medusa / "medusa/model/medusa_choices.py")
    sets = {name: [list(path) for path in value] for name, value in vars(shipped).items() if isinstance(value, list)}
    sets["small"] = SMALL
    buffers = {}
    for name, choices in sets.items():
        made = utils.generate_medusa_buffers(choices, device="cpu")
        buffers[name] = {
            "choices": choices,
            "tree_indices": made["tree_indices"].tolist(),
            "mask": bits(made["medusa_attn_mask"][0, 0]),
            "depths": made["medusa_position_ids"].tolist(),
        }
    cases = []
    for seed in range(40):
        name = "mc_sim_7b_63" if seed % 5 == 0 else "small"
        cases.append(medusa_case(utils, name, buffers[name]["choices"], seed, 1 + seed % 3, [0, 0.8, 1.3][seed % 3]))
    golden = {
        "versions": {"torch": torch.__version__, "transformers": transformers.__version__, "medusa": "e2a5d20"},
        "vocab": VOCAB,
        "buffers": buffers,
        "medusa": [case for case in cases if case],
        "speculative": [speculative_case(seed, 1 + seed % 5, (seed % 4) / 4) for seed in range(60)],
    }
    (Path(__file__).parent / "golden.json").write_text(json.dumps(golden) + "\n")


main()
