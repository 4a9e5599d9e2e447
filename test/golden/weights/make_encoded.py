"""Blocks that gguf-py quantises, with their values (test/golden/weights/encoded.json).

    python test/golden/weights/make_encoded.py        # needs numpy, gguf
"""

import base64
import json
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf.quants import quantize

values = np.random.default_rng(0).normal(0, 0.1, 8 * 32).astype(np.float32)
values[:32] = 0
values[32:64] = np.round(values[32:64] * 20) / 2
values[64:96] = -np.abs(values[64:96])
text = lambda array: base64.b64encode(array.tobytes()).decode()
golden = {name: text(quantize(values, Type[name])) for name in ("Q8_0", "Q4_0")}
path = Path(__file__).resolve().parent / "encoded.json"
path.write_text(json.dumps(dict(values=text(values), **golden), indent=1) + "\n")
