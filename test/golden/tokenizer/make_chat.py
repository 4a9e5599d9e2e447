"""Makes chat.json: the prompts that transformers renders from templates/*.jinja.

    python make_chat.py

smollm2.jinja is SmolLM2-135M-Instruct's template (Apache-2.0); the others were written for these tests.
"""

import json
from datetime import datetime
from pathlib import Path

from transformers.utils.chat_template_utils import render_jinja_template

HERE = Path(__file__).parent
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": 'Weather at a place, in "words" <b>&amp; größer</b>',
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": []},
    },
}
CALL = {"type": "function", "function": {"name": "weather", "arguments": {"place": "Zürich", "days": [1, 2.5, None, True]}}}
USER = {"role": "user", "content": "  Hello, 世界! 😀\n"}
SYSTEM = {"role": "system", "content": "Be brief.\n"}
ANSWER = {"role": "assistant", "content": "<think>\nhm\n</think>\n\nHi."}
CONVERSATIONS = {
    "user": [USER],
    "system": [SYSTEM, USER],
    "turns": [SYSTEM, USER, ANSWER, {"role": "user", "content": "More"}],
    "answered": [USER, ANSWER],
    "calls": [
        USER,
        {"role": "assistant", "content": "", "tool_calls": [CALL]},
        {"role": "tool", "content": "rain"},
        {"role": "tool", "content": "sun"},
    ],
    "parts": [{"role": "user", "content": [{"type": "text", "text": " What is it? "}, {"type": "text", "text": "Say."}]}],
    "wrong": [USER, USER],
    "empty": [],
}
# The other templates take content for a string, or the first message for granted.
ONLY = {"parts": ["gemma-style"], "empty": ["smollm2", "plain"]}
DATES = ["2024-01-05 00:07:09", "2023-07-26 12:30:00", "1999-12-31 23:59:59"]
FORMATS = ["%Y-%m-%d", "%d %b %Y", "%A, %B %d, %y", "%a %I:%M %p", "%H:%M:%S 100%%"]
OPTIONS = {
    "plain": {},
    "prompt": {"add_generation_prompt": True},
    "tools": {"add_generation_prompt": True, "tools": [TOOL]},
    "variables": {"add_generation_prompt": True, "enable_thinking": False},
}


def render(template, messages, options):
    fixed = {"bos_token": "<s>", "eos_token": "</s>", "date_string": "26 Jul 2024"}
    try:
        prompts, _ = render_jinja_template([messages], chat_template=template, **fixed, **options)
        return {"prompt": prompts[0]}
    except Exception as error:
        return {"error": str(error)}


def main():
    cases = [
        {
            "template": path.name,
            "conversation": conversation,
            "options": option,
            **render(path.read_text(), messages, OPTIONS[option]),
        }
        for path in sorted((HERE / "templates").glob("*.jinja"))
        for conversation, messages in CONVERSATIONS.items()
        for option in OPTIONS
        if path.stem in ONLY.get(conversation, path.stem)
    ]
    dates = [
        {"date": date, "format": form, "text": datetime.fromisoformat(date).strftime(form)}
        for date in DATES
        for form in FORMATS
    ]
    golden = {"dates": dates, "conversations": CONVERSATIONS, "options": OPTIONS, "cases": cases}
    (HERE / "chat.json").write_text(json.dumps(golden, separators=(",", ":")) + "\n")


main()
