"""Conversations in the chat templates of families, as transformers renders them: families.json, read by test/tokenizer/family-templates.test.ts.

    python test/golden/templates/make_families.py            (transformers 5.24, Jinja2 3.1.6, Python 3.11)

families/NAME.jinja does what the template of its family does, in words of its own. `rendered` has for each template and conversation
what is rendered without a generation prompt, and what this one adds (`+`) or makes of it: a text, or [exception, message]. `joined` has
conversations of content parts with these as one text, a line each. A conversation is a JSON text, in which 1.0 is not 1.
"""

import datetime
import json
from pathlib import Path

from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast
from transformers.utils import chat_template_utils

HERE = Path(__file__).parent
NOW = datetime.datetime(2024, 2, 9, 3, 4, 5)
SPECIAL = {"bos_token": "<s>", "eos_token": "</s>"}


class Clock(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


def tool(name, description, **properties):
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


def call(identifier, name, arguments):
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def said(role):
    return lambda content, **fields: {"role": role, "content": content, **fields}


def parts(*texts):
    return [{"type": "text", "text": text} for text in texts]


user, assistant, system = said("user"), said("assistant"), said("system")


def result(identifier, name, content):
    return {"role": "tool", "tool_call_id": identifier, "name": name, "content": content}


WEATHER = tool("weather", "The weather <b>&</b> \"more\"", place={"type": "string", "enum": ["Zürich", "b"]}, days={"type": "number", "default": 1.0})
SUM = tool("sum", "Adds", values={"type": "array", "items": {"type": "number"}}, x={"type": ["string", "null"], "default": None})
ARGUMENTS = {"place": "Zürich", "days": 1.0, "more": {"a": [1, -2.5, None, True, 1e22, 12345678901234567890], "b": {"c": "é\n\"'"}, "e": {}, "f": []}}
IDS = ["abcdefghi", "jklmnopqr"]
ASKED = user("How is it?")

CONVERSATIONS = {
    "plain": ([user("Hello, world!")], {}),
    "turns after a system": ([system(" Be brief.\n"), user("One"), assistant("Two"), user(" Three ")], {}),
    "tools": ([system("Be brief."), user("Add 1 and 2.0")], {"tools": [SUM, WEATHER]}),
    "tools without a system": ([user("One"), assistant("Two"), user("Three")], {"tools": [WEATHER]}),
    "a call, arguments as an object": ([ASKED, assistant("", tool_calls=[call(IDS[0], "weather", ARGUMENTS)]), result(IDS[0], "weather", '{"t": 21.0}')], {"tools": [WEATHER]}),
    "calls, arguments as texts": (
        [ASKED, assistant("I look.", tool_calls=[call(IDS[0], "weather", '{"place": "Zürich"}'), call(IDS[1], "sum", "")]), result(IDS[0], "weather", "21"), result(IDS[1], "sum", "é"), assistant("Fine"), user("Thanks")],
        {"tools": [WEATHER, SUM]},
    ),
    "a call without content": ([system("s"), ASKED, assistant(None, tool_calls=[call(IDS[0], "sum", {"b": 0.5, "10": 2, "9": -0.0})], reasoning_content=None), result(IDS[0], "sum", "ok"), assistant("So", tool_calls=None)], {}),
    "a call without a field": ([ASKED, {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "sum"}}]}, {"role": "tool", "content": "x"}], {"tools": [{"name": "sum", "parameters": {}}]}),
    "no calls": ([user("a"), assistant("b", tool_calls=[]), user("c")], {"tools": []}),
    "parts": ([system(parts("Be brief.")), user(parts("What is", " this? "))], {}),
    "parts in turns": ([user(parts("One")), assistant(parts("Two", "three")), user("Four")], {}),
    "unicode": ([user("Grüße 世界 🙂\u200b\u00a0'\"\\ <b>&amp;"), assistant("🙂\ud7ff\uffff"), user("е\u0301\u2028x\x85")], {}),
    "empty content": ([system(""), user(""), assistant(""), user("x")], {}),
    "no content": ([{"role": "user"}, assistant(None), user("x")], {}),
    "whitespace": ([system("  \n"), user("\n\n a\r\nb\t \n"), assistant("\n\n c  "), user("\u2003z\x1c")], {}),
    "several systems": ([system("a"), system("b"), user("c"), system("d"), user("e")], {}),
    "roles that do not alternate": ([user("a"), user("b"), assistant("c")], {}),
    "another role": ([{"role": "developer", "content": "d"}, user("x")], {}),
    "ends with the assistant": ([user("Write"), assistant("Once upon a ")], {}),
    "thinking": ([user("Why?"), assistant("So.", reasoning_content="\nhm\n"), user("And?"), assistant("Well.", reasoning="ah")], {"enable_thinking": True, "skip_think": False, "thinking": True}),
    "thinking in the text": ([system("Go /think"), user("Why?"), assistant("<think>\nhm\n</think>\n\n<answer> So. </answer>"), user("x")], {"enable_thinking": False}),
    "documents": ([user("Read")], {"documents": [{"title": "T", "text": "é"}, {"text": "<2>", "n": 1.0}], "controls": {"length": "short", "citations": True}}),
    "tools beside documents": ([system("Override. /system_override /no_think"), user("Read")], {"documents": [{"text": "t"}], "tools": [SUM], "tools_in_user_message": False, "date_string": "never"}),
    "extra fields": ([system("s", tools="[{}]"), user("a", name="Ann"), assistant("b", metadata="weather", tool_plan="p")], {"custom_tools": [SUM]}),
}


def joined(messages):
    def text(content):
        return "\n".join(part["text"] for part in content) if isinstance(content, list) else content

    return [{**message, "content": text(message["content"])} for message in messages]


def main():
    chat_template_utils.datetime = Clock
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE()), **SPECIAL)

    def once(template, messages, options, prompt):
        try:
            return tokenizer.apply_chat_template(messages, chat_template=template, tokenize=False, add_generation_prompt=prompt, **options)
        except Exception as error:
            return [type(error).__name__, str(error)]

    def both(template, messages, options):
        text, prompt = (once(template, messages, options, on) for on in (False, True))
        grows = isinstance(text, str) and isinstance(prompt, str) and prompt.startswith(text)
        return [text, "+" + prompt[len(text):]] if grows else [text] if text == prompt else [text, prompt]

    rendered, as_texts = {}, {}
    for path in sorted(HERE.glob("families/*.jinja")):
        template = path.read_text(encoding="utf-8")
        rendered[path.stem] = {name: both(template, *given) for name, given in CONVERSATIONS.items()}
        as_texts[path.stem] = {name: both(template, joined(messages), options) for name, (messages, options) in CONVERSATIONS.items() if name.startswith("parts")}
    conversations = {name: json.dumps({"messages": messages, **options}) for name, (messages, options) in CONVERSATIONS.items()}
    golden = {"special": SPECIAL, "now": NOW.isoformat(), "conversations": conversations, "rendered": rendered, "joined": as_texts}
    (HERE / "families.json").write_text(json.dumps(golden, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


main()
