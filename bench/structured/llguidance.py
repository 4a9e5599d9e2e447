"""llguidance's side of bench/structured.ts: python llguidance.py TOKENIZER CLOCK LIMIT_MS

TOKENIZER is a tokenizer.json, CLOCK wall or cpu. Says its versions in a line of JSON, then reads a file of schema and tests in tokens
from each line, and answers as `Outcome` of side.ts. Needs llguidance and numpy.
"""

import json
import sys
import time

# This file has the name of the package.
sys.path.pop(0)

import llguidance.numpy
from importlib.metadata import version
from llguidance import LLMatcher, LLTokenizer


def main():
    tokenizer = LLTokenizer(sys.argv[1])
    clock = time.process_time_ns if sys.argv[2] == "cpu" else time.perf_counter_ns
    limit = int(sys.argv[3]) / 1e3
    bitmask = llguidance.numpy.allocate_token_bitmask(1, tokenizer.vocab_size)
    words = bitmask[0]
    print(json.dumps({"description": f"llguidance {version('llguidance')}, Python {sys.version.split()[0]}"}), flush=True)

    def measure(schema, tests):
        end = time.monotonic() + limit
        outcome = {"isTooSlow": False, "compileMs": 0, "accepted": [], "maskUs": []}
        start = clock()
        try:
            matcher = LLMatcher(tokenizer, LLMatcher.grammar_from_json_schema(schema), log_level=0)
        except ValueError as error:
            return outcome | {"refused": str(error)}
        outcome["compileMs"] = (clock() - start) / 1e6
        if matcher.is_error():
            return outcome | {"refused": matcher.get_error()}
        for test in tests:
            matcher.reset()
            accepted = True
            for token in test["tokens"]:
                before = clock()
                llguidance.numpy.fill_next_token_bitmask(matcher, bitmask)
                accepted = bool((words[token >> 5] >> (token & 31)) & 1) and matcher.consume_token(token)
                outcome["maskUs"].append((clock() - before) / 1e3)
                outcome["isTooSlow"] = outcome["isTooSlow"] or time.monotonic() > end
                if not accepted or outcome["isTooSlow"]:
                    break
            if matcher.is_error():
                return outcome | {"refused": matcher.get_error()}
            if outcome["isTooSlow"]:
                break
            outcome["accepted"].append(accepted and matcher.is_accepting())
        return outcome

    for line in sys.stdin:
        task = json.loads(line)
        print(json.dumps(measure(task["schema"], task["tests"])), flush=True)


if __name__ == "__main__":
    main()
