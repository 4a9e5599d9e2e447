"""Known answers for src/generation/random.ts and the Mersenne Twister: python make_golden.py

xoshiro128** and splitmix32 in plain Python integers, from their published descriptions; the Mersenne Twister's
from torch.
"""

import json
import pathlib

import torch

MASK = 0xFFFFFFFF


def splitmix32(state):
    while True:
        state = (state + 0x9E3779B9) & MASK
        z = state ^ (state >> 16)
        z = (z * 0x21F0AAAD) & MASK
        z = ((z ^ (z >> 15)) * 0x735A2D97) & MASK
        yield z ^ (z >> 15)


def rotl(x, k):
    return ((x << k) | (x >> (32 - k))) & MASK


def xoshiro128starstar(s):
    while True:
        yield (rotl((s[1] * 5) & MASK, 7) * 9) & MASK
        t = (s[1] << 9) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 11)


def uniform(seed):
    halves = seed & MASK, seed >> 32
    low, high = map(splitmix32, halves)
    # Equal halves would leave the state 0, and with it every number.
    mix = (lambda a, b: a) if halves[0] == halves[1] else (lambda a, b: a ^ b)
    bits = xoshiro128starstar([mix(next(low), next(high)) for _ in range(4)])
    while True:
        first, second = next(bits), next(bits)
        yield ((first >> 5) << 26 | second >> 6) / 2**53


def take(generator, count):
    return [next(generator) for _ in range(count)]


def mersenne(seed):
    generator = torch.Generator().manual_seed(seed)
    return {
        "seed": str(seed),
        "permutation": torch.randperm(1000, generator=generator)[:16].tolist(),
        "bits": torch.randint(0, 2, (64,), generator=torch.Generator().manual_seed(seed)).tolist(),
    }


golden = {
    "xoshiro128starstar": take(xoshiro128starstar([1, 2, 3, 4]), 4),
    "uniform": {str(seed): take(uniform(seed), 8) for seed in (0, 1, 42, 2**32 - 1, 2**32, 2**53 - 1)},
    "mersenne": [mersenne(seed) for seed in (0, 1, 5489, 15485863 * 151935, 2**64 - 2)],
}
# The first outputs of the state 1, 2, 3, 4 as several published ports give them.
assert golden["xoshiro128starstar"] == [11520, 0, 5927040, 70819200], golden["xoshiro128starstar"]
pathlib.Path(__file__).with_name("golden.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")
