"""Renders chat templates as transformers does, for compare-templates.ts to compare with.

    python scripts/oracle/templates.py DIRECTORY > rendered.json      (transformers 5.24, Jinja2 3.1.6)
    npx tsx scripts/oracle/compare-templates.ts DIRECTORY rendered.json

DIRECTORY holds the templates, a file NAME.jinja each: those of models that are in use. None of them are kept here.
"""

import datetime
import json
import sys
from pathlib import Path

from transformers.utils import chat_template_utils

NOW = datetime.datetime(2024, 2, 9, 3, 4, 5)
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def tool(name, **properties):
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": f'Does "{name}" <b>&</b> größer', "parameters": parameters}}


def call(name, identifier, **arguments):
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def user(content):
    return {"role": "user", "content": content}


def assistant(content, **fields):
    return {"role": "assistant", "content": content, **fields}


def parts(*texts):
    return [{"type": "text", "text": text} for text in texts]


SYSTEM = {"role": "system", "content": "Be brief.\nAnd kind. "}
WEATHER = tool("weather", place={"type": "string", "description": "where", "enum": ["a", "b"]}, days={"type": "number", "default": 1.0})
SUM = tool("sum", values={"type": "array", "items": {"type": "number"}}, nested={"type": "object", "properties": {"x": {"type": ["string", "null"]}}})
CALLED = [
    user("How is it?"),
    assistant("", tool_calls=[call("weather", "abcdefghi", place="Zürich", days=1.0, more={"a": [1, 2.5, None, True], "b": {"c": "é\n"}})]),
    {"role": "tool", "name": "weather", "tool_call_id": "abcdefghi", "content": '{"t": 21.0}'},
]
TURNS = [user("One"), assistant("Two"), user("Three"), assistant("Four"), user("Five")]

CONVERSATIONS = {
    "plain": ([user("Hello, world!")], {}),
    "system": ([SYSTEM, user("Hello")], {}),
    "turns": ([SYSTEM, *TURNS], {}),
    "empty content": ([user(""), assistant(""), user("x")], {}),
    "unicode": ([user("Grüße 世界 🙂\u200b\u00a0'\"\\ <b>"), assistant("🙂"), user("е\u0301")], {}),
    "calls": ([*CALLED, assistant("21 degrees"), user("Thanks")], {"tools": [WEATHER, SUM]}),
    "call at the end": ([SYSTEM, *CALLED], {"tools": [WEATHER]}),
    "calls without content": ([CALLED[0], {"role": "assistant", "content": None, "tool_calls": CALLED[1]["tool_calls"]}, CALLED[2]], {"tools": [WEATHER]}),
    "tools": ([SYSTEM, user("Add 1 and 2.0")], {"tools": [SUM, WEATHER]}),
    "parts": ([{"role": "system", "content": parts("Be brief.")}, user(parts("What is", " this?"))], {}),
    "parts in turns": ([user(parts("One")), assistant(parts("Two", "three")), user("Four")], {}),
    "same roles": ([user("a"), user("b"), assistant("c"), assistant("d"), user("e")], {}),
    "ends with the assistant": ([user("Write"), assistant("Once upon a ")], {"add_generation_prompt": False}),
    "line ends": ([user("a\r\nb\rc\n"), assistant("d\r\n"), user("\r\n")], {}),
    "whitespace": ([{"role": "system", "content": "  \n"}, user("\n\n  x\t \n"), assistant("  y  "), user("\u2003z\x1c")], {}),
    "thinking": ([user("Why?"), assistant("<think>\nhm\n</think>\n\nSo.", reasoning_content="hm"), user("And?"), assistant("Well.", reasoning="ah"), user("Ok")], {"enable_thinking": True}),
    "no thinking": ([user("Why?"), assistant("<think>a</think>b"), user("x")], {"enable_thinking": False}),
    "documents": ([user("Read")], {"documents": [{"title": "T", "text": "é", "contents": "c"}]}),
    "other role": ([{"role": "developer", "content": "d"}, user("x")], {}),
    "system later": ([user("x"), SYSTEM, user("y")], {}),
    "only the assistant": ([assistant("x")], {}),
    "many": ([message for i in range(10) for message in (user(f"question {i}"), assistant(f"answer {i}"))] + [user("last")], {}),
}


def joined(messages):
    def text(content):
        return "\n".join(part["text"] for part in content) if isinstance(content, list) else content

    return [{**message, "content": text(message["content"])} for message in messages]


def as_parts(messages):
    return [{**m, "content": parts(m["content"])} if isinstance(m["content"], str) else m for m in messages]


def render(template, messages, options):
    options = {"add_generation_prompt": True, **SPECIAL, **options}
    try:
        messages = chat_template_utils._normalize_chat_messages(messages)
        return {"text": chat_template_utils.render_jinja_template([messages], chat_template=template, **options)[0][0]}
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    chat_template_utils.datetime = Clock
    results = {}
    for path in sorted(Path(sys.argv[1]).glob("*.jinja")):
        template = path.read_text(encoding="utf-8")
        rendered = results[path.name] = {}
        for name, (messages, options) in CONVERSATIONS.items():
            rendered[name] = render(template, messages, options)
            rendered[name]["parts"] = render(template, as_parts(messages), options)
            if name.startswith("parts"):
                rendered[name]["joined"] = render(template, joined(messages), options)
    conversations = {name: json.dumps({"messages": messages, **options}) for name, (messages, options) in CONVERSATIONS.items()}
    json.dump({"now": NOW.isoformat(), "special": SPECIAL, "conversations": conversations, "results": results}, sys.stdout)


main()
