"""Snippets of Jinja with what transformers makes of them: golden.json, read by test/jinja/golden.test.ts.

    python test/golden/templates/make.py            (transformers 5.24, Jinja2 3.1.6, Python 3.11)

Every operator, filter, test and method is tried with values of every kind, and every statement with odd whitespace. An entry is
[template, text], or [template, null, exception].
"""

import copy
import datetime
import itertools
import json
import os
import re

from transformers.utils import chat_template_utils

HERE = os.path.dirname(os.path.abspath(__file__))
NOW = datetime.datetime(2024, 2, 9, 3, 4, 5, 6000)
DATES = [NOW, datetime.datetime(2023, 1, 1), datetime.datetime(2024, 12, 30, 12), datetime.datetime(2020, 12, 31, 23, 59, 59),
         datetime.datetime(2021, 1, 3, 13, 7, 9), datetime.datetime(987, 6, 5)]

VARIABLES = {
    "text": "Hello, World!",
    "wide": "🙂aé世🙂",
    "spaced": "  a\t b\n\n c  ",
    "lines": "one\r\ntwo\rthree\x0bfour\u2028five\n",
    "quotes": "it's \"so\" \\ \x00\x7f\u200b\u00a0",
    "empty": "",
    "number": 7,
    "zero": 0,
    "negative": -3,
    "real": 2.5,
    "tiny": 1e-7,
    "huge": 1e22,
    "yes": True,
    "no": False,
    "nothing": None,
    "items": [3, 1, 2],
    "words": ["b", "A", "c", "a"],
    "mixed": [1, "1", True, None, 2.5, [1], {"a": 1}],
    "none_at_all": [],
    "fields": {"b": 1, "a": [1, 2], "items": "own", "Z": None},
    "no_fields": {},
    "people": [
        {"name": "Ann", "age": 30, "home": {"city": "Oslo"}},
        {"name": "bob", "age": 25, "home": {"city": "Rome"}},
        {"name": "Cy", "age": 30, "home": {"city": "oslo"}},
        {"name": "Di"},
    ],
    "pairs": [["a", 1], ["b", 2]],
    "html": "<b class=\"x\">&'</b>",
}

LITERALS = ["none", "true", "false", "0", "1", "2", "-3", "10**20", "0.5", "2.0", "-2.5", "''", "'a'", "'1'", "'äb'", "[]", "[1, 2]",
            "['a']", "(1,)", "()", "{}", "{'a': 1}", "missing", "range(3)", "namespace(a=1)"]


def expressions():
    for operator in ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", "in", "and", "or"]:
        for left, right in itertools.product(LITERALS, LITERALS):
            if operator in ("-", "/", "//", "**", "<=", "!=", "~", "and", "or") and (LITERALS.index(left) + LITERALS.index(right)) % 3:
                continue
            # Numbers too large to print, and powers that the C library rounds and JavaScript does not.
            if operator == "**" and ("10**20" in (left, right) or "-2.5" == right):
                continue
            yield f"{left} {operator} {right}" if not left.startswith("-") else f"({left}) {operator} {right}"
    for name in VARIABLES:
        yield f"{name}[1:]"
        yield f"{name}[::-1]"
    for unary in ["-", "+", "not "]:
        for value in LITERALS:
            yield f"{unary}({value})"
    for value in LITERALS:
        yield value
        yield f"[{value}]"
        yield f"'yes' if {value} else 'no'"
        yield f"{value}|tojson"
        yield f"{{{value}: 1}}"
        yield f"({value}).name"
        yield f"({value})['a']"
        yield f"({value})[0]"
        yield f"({value})[-1]"
    yield from ["1 < 2 < 3", "1 < 3 < 2", "1 == 1.0 == true", "not 1 == 2", "not not 0", "2 ** 3 ** 2", "-2 ** 2", "7 // -2", "-7 // 2",
                "-7 % 3", "7 % -3", "7.5 // -2", "-7.5 % 2", "1e300 * 1e300", "-1 * 1e300 * 1e300", "10 / 4", "10 / 5", "1 / 3", "2 ** -1", "2 ** 0.5",
                "0 ** 0", "10 ** 30", "2 ** 100 // 3", "123456789012345678901234567890 / 10", "1e16", "1e15", "123456789.123", "0.0001", "0.00001", "1.0e5",
                "1_000", "0x1F", "0b101", "0o17", "1_0.2_5e1_0", "'a' 'b'", "'a\\n\\t\\x41\\u00e9\\101\\q\\é'", "\"d'q\"", "'\\''", "1.5.is_integer()", "(1).real",
                "{'a': 1}.a", "{'a': 1}['a']", "{'a': {'b': [1, 2]}}.a.b[1]", "{'a': {'b': [1, 2]}}.a.b.1", "[1, 2].0", "fields.items", "fields['items']",
                "fields.items()", "fields.keys()", "fields.values()", "fields.items()|list", "fields.get('b')", "fields.get('x')", "fields.get('x', 5)",
                "fields.get('Z', 5)", "fields.copy()", "fields.pop('b')", "items.append(4)", "items.index(1)", "items.index(9)", "items.count(1)", "items.copy()",
                "items.sort", "words.__class__", "text.__class__.__mro__", "text.upper.__self__", "fields._x", "range(5).start", "range(2, 10, 3)|list", "range(0)",
                "range(10, 0, -4)|list", "range(3)[1]", "range(3)[-1]", "range(10)[2:5]", "range(1, 0) == range(2, 1)", "range(1000000)", "range(3) == [0, 1, 2]",
                "range(1, 2, 0)", "range('a')", "range(2.0)", "1 in range(3)", "5 in range(3)", "'a' in 'abc'", "'' in 'abc'", "1 in 'abc'", "'b' in fields",
                "1 in {1.0: 2}", "true in [1]", "none in [none]", "[] in [[]]", "[1] in {}", "missing in [missing]", "missing == missing", "missing == none",
                "missing.a", "missing.a.b", "missing['a']", "missing()", "missing[1:]", "nothing.a", "nothing.a.b", "fields.x", "fields.x.y", "fields['x']", "text.x",
                "text[0]", "text[-1]", "text[99]", "text['a']", "text[1.0]", "text[true]", "wide[0]", "wide[1:3]", "wide[::-1]", "wide[-2:]", "wide|length", "text[::2]",
                "text[10:2:-3]", "text[none:none]", "text[::0]", "text['a':]", "items[5]", "items[-1]", "items[0:2]", "items[::-1]", "items['a']", "fields[0]",
                "fields[[]]", "dict(a=1, b=2)", "dict([['a', 1]], c=3)", "dict({'x': 1}, y=2)", "dict([1])", "dict.fromkeys(['a', 'b'], 0)", "dict(fields, b=9)",
                "namespace()", "namespace(a=1)", "namespace({'a': 1}, b=2).b", "namespace(_a=1)", "namespace(a=1).a", "namespace(a=1)['a']", "namespace(a=1).b",
                "namespace is defined", "cycler('a', 'b').next()", "cycler()", "joiner()()", "raise_exception", "raise_exception('no')", "strftime_now is defined", "loop is defined",
                "caller is defined", "1 if false", "(1 if false) is undefined", "(1 if false).x", "1 if true else 2", "'a' if 1 else 'b' if 0 else 'c'", "[1, 2,]", "(1, 2)", "(1,)", "1, 2", "{'a': 1,}",
                "{1: 'a', true: 'b', 1.0: 'c'}", "{'a': 1, 'a': 2}", "[1, 2] == (1, 2)", "[1, [2]] == [1.0, [2]]", "{'a': 1, 'b': 2} == {'b': 2.0, 'a': true}", "[1, 2] < [1, 3]",
                "[1, 'a'] < [1, 2]", "'Z' < 'a'", "'🙂' < '\uffff'", "(1, 2) < (1,)", "[2] > [1, 5]", "{} < {}", "none < none", "'a' < 1", "1 is 1", "x is y is z", "1 + 'a'", "'a' + 1", "'a' + none",
                "[1] + (2,)", "[1] + [2] + [3]", "(1,) + (2,)", "'ab' * 3", "3 * 'ab'", "[1] * 2", "'ab' * -1", "(1, 2) * 2", "'a' * 2.0", "[1] * 'a'", "'%s' % missing", "'x' ~ none ~ true ~ 1.0 ~ [1] ~ missing",
                "1 ~ 2", "'a' 'b' ~ 'c'", "true + true", "true * 3", "-true", "+true", "false - 1", "true / 2", "1 // 0", "1 % 0", "1 / 0", "1.0 // 0", "0 ** -1", "(-8) ** 0.5", "5.0 // 2", "5.5 // 2", "-0.0", "0.0 * -1",
                "1e308 * 10 // 1", "(1e308 * 10) % 2", "fields.items() == fields.items()", "fields.keys() == {'Z': 1, 'items': 1, 'a': 2, 'b': 3}.keys()", "'a' in fields.keys()", "('b', 1) in fields.items()", "fields|length",
                "fields.values()|list", "missing|length", "missing|list", "text.format", "(text.upper)()", "text is callable", "text.upper is callable", "items|first.x", "10**4000 > 1", "2**64", "-(2**64)", "2**64 * 1.0",
                "18446744073709551616 == 2.0**64", "9007199254740993 == 9007199254740992.0", "9007199254740993 < 9007199254740992.0", "(2**200) / (2**199)", "(10**25) / 7", "10**400 * 1.0", "10**400 / 1", "5 is divisibleby 0"]
    # Where Python takes a truth value as a whole number, and nothing else.
    for flag in ["true", "false", "0", "2", "-1", "10**20", "none", "'x'", "''", "1.0", "[]", "missing"]:
        for call in ["lines.splitlines({})|tojson", "lines.splitlines(keepends={})|tojson", "words|sort({})", "items|sort(reverse={})", "fields|dictsort(reverse={})",
                     "words|sort(case_sensitive={})", "items|tojson(sort_keys={})", "[wide]|tojson(ensure_ascii={})", "text|indent(2, first={})", "text|truncate(5, {})", "['a', 'A']|unique({})|list"]:
            yield call.format(flag)
    for value in ["[]", "[1]", "['a']", "()", "{}", "none", "1", "true", "1.5", "range(2)", "namespace()", "missing"]:
        yield f"{value}|indent"


FILTER_CALLS = """abs; attr('real'); attr('upper'); attr('b'); batch(2); batch(2, 'x')|list; batch(2)|list; batch(0)|list; capitalize; center; center(20); center(4); count; default('d'); default('d', true); d; dictsort;
dictsort(true); dictsort(by='value'); dictsort(reverse=true); dictsort(by='x'); e; escape; forceescape; filesizeformat; filesizeformat(true); first; float; float(9); float(default=1); format; format(1); format(1, 2); format(a=1);
format(1, a=1); groupby('age'); groupby('home.city'); groupby('name', default='x'); groupby(0); indent; indent(2); indent(2, true); indent('>', first=true, blank=true); indent(width=3); indent(-1); int; int(5); int(base=16); int(0, 2); items;
items|list; join; join(', '); join('-', attribute='name'); join(1); last; length; list; lower; map('upper'); map('upper')|list; map(attribute='name')|list; map(attribute='home.city')|list; map(attribute='name', default='?')|list; map(attribute='0')|list;
map('int', 3)|list; map()|list; map('nope')|list; map(attribute='a', x=1)|list; max; max(attribute='age'); max(case_sensitive=true); min; min(attribute='name'); reject('odd')|list; rejectattr('age')|list; reject|list; replace('l', 'L'); replace('l', 'L', 1);
replace('', '-'); replace(1, 2); replace('l'); reverse; reverse|list; round; round(1); round(1, 'floor'); round(0, 'ceil'); round(-1); round(method='x'); safe; safe ~ '<'; (safe) + '<'; select|list; select('string')|list; select('gt', 1)|list; select('none'); selectattr('age')|list;
selectattr('age', 'gt', 26)|list; selectattr('home', 'defined')|map(attribute='name')|list; selectattr('home.city', 'equalto', 'Oslo')|list; selectattr()|list; selectattr('age', 'nope')|list; slice(2)|list; slice(2, 'x')|list; slice(0)|list; sort; sort(true); sort(reverse=true); sort(case_sensitive=true);
sort(attribute='age'); sort(attribute='age,name'); sort(attribute='name'); string; string|length; sum; sum(start=5); sum('age'); sum(attribute='age', start=1.5); sum(start=[]); title; tojson; tojson(indent=2); tojson(indent=0); tojson(sort_keys=true); tojson(ensure_ascii=true);
tojson(separators=(',', ':')); tojson(indent='\\t', separators=(' ;', '= ')); tojson(indent=2, sort_keys=true, ensure_ascii=true); tojson(separators=','); trim; trim('H!'); trim(chars='  '); truncate; truncate(5); truncate(5, true); truncate(5, true, ''); truncate(8, false, '..', 0); truncate(2);
unique|list; unique(true)|list; unique(attribute='age')|list; upper; urlencode; wordcount; xmlattr; xmlattr(false); nope; length(1); upper(1); join(a=1); lower|upper|capitalize; first|default('none'); list|tojson; list|length; trim|length; string|tojson; float|tojson; int|tojson""".replace("\n", " ").split("; ")

TESTS = """odd|even|divisibleby(2)|divisibleby 2|divisibleby(0)|defined|undefined|none|boolean|false|true|integer|float|lower|upper|string|mapping|number|sequence|sameas(none)|sameas true|iterable|callable|escaped|in([1, 'a', none])|in 'abc'|eq(1)|eq 1|equalto('a')|ne(1)|gt(0)|gt 0|greaterthan(0)|lt(1)|lessthan(1)|ge(1)|le(1)|nope|filter|test|eq none|divisibleby|sameas|not none|not defined|odd(1)|defined(1)|eq(other=1)|divisibleby(num=2)""".split("|")


def filters():
    values = list(VARIABLES) + ["missing", "'%d items'", "'%s'", "'%(a)s'", "42.55", "2.5", "3.5", "-1.5", "1e10", "12345678.9", "'42'", "' 42 '", "'4_2'", "'42.9'", "'1e3'", "'0x1f'", "'inf'", "'nan'", "'é'", "range(5)", "fields.items()", "('b', 'a')", "'ß ŉ ǆ İ'", "'don''t stop'", "'a-b (c) [d]'", "1000", "1e30", "123456"]
    for i, call in enumerate(FILTER_CALLS):
        if call == "(safe) + '<'":
            for value in ["html", "text", "number"]:
                yield f"({value}|safe) + '<'"
            continue
        for j, value in enumerate(values):
            if (i * 7 + j * 5) % 9 == 0 or value in ("text", "items", "people", "fields", "missing", "real", "wide"):
                yield f"({value})|{call}"


def tests():
    values = list(VARIABLES) + ["missing", "1.0", "range(2)", "'abc'", "'ABC'", "'aB1'", "'1'", "[1]|map('int')", "namespace()", "cycler(1)", "joiner()", "range", "(1,)", "'upper'", "'odd'", "text|safe", "10**30", "-1"]
    for i, test in enumerate(TESTS):
        for j, value in enumerate(values):
            if (i + j) % 4 == 0 or value in ("missing", "nothing", "yes", "number", "text"):
                yield f"({value}) is {test}"


METHODS = """upper() lower() title() capitalize() swapcase() casefold() strip() lstrip() rstrip() strip('! H') strip('') strip(none) strip(1) lstrip('H') rstrip('!') split() split(',') split('l',1) split('l',maxsplit=1) split(none,1) split('') split(sep='o')
rsplit() rsplit('l',1) rsplit(none,1) splitlines() splitlines(true) splitlines(keepends=true) partition(',') partition('x') rpartition('o') rpartition('x') partition('') startswith('H') startswith('') startswith(('x','H')) startswith('e',1) startswith('l',2,3) startswith(1)
endswith('!') endswith('') endswith(('!','x')) endswith('o',0,5) find('o') find('o',5) find('zz') find('') find('o',-3) find('o',0,3) rfind('o') rfind('') index('o') index('zz') rindex('o') count('l') count('') count('o',5) count('l',0,3) replace('l','L') replace('l','L',1) replace('','-')
replace('','-',2) replace('o','') replace('l') replace('l',1) removeprefix('He') removesuffix('!') zfill(20) zfill(3) ljust(20) ljust(20,'*') rjust(20) rjust(20,'ab') center(20) center(21,'*') center(4) expandtabs() expandtabs(4) isalpha() isdigit() isalnum() isspace() isupper() islower() istitle() isnumeric() isdecimal()
isidentifier() isprintable() isascii() join(['a','b']) join([1]) join('abc') join(()) join(missing) format() translate({72:'J',101:none,108:76}) nope() upper(1) __len__() encode_ format_map({}) title title.x upper|length""".split()
METHOD_VALUES = ["text", "wide", "spaced", "lines", "quotes", "empty", "'123'", "'-42'", "'²½'", "'Hello World'", "'hello'", "'HELLO'", "'ÀÉ ß'", "'a,b,,c'", "'  '", "'ǅ'", "'they''re bill''s'"]

FORMATS = ["'{}'.format(1)", "'{} {}'.format(1, 'a')", "'{0} {1} {0}'.format(1, 2)", "'{a}'.format(a=1)", "'{a.b}'.format(a={'b': 2})", "'{a[b]}'.format(a={'b': 2})", "'{0[1]}'.format([1, 2])", "'{!r}'.format('a')", "'{!s:>5}'.format('a')", "'{:>10}|'.format('a')",
           "'{:<10}|'.format('a')", "'{:^10}|'.format('a')", "'{:*^10}'.format('a')", "'{:.2}'.format('abc')", "'{:5d}'.format(42)", "'{:05d}'.format(-42)", "'{:+d}'.format(42)", "'{: d}'.format(42)", "'{:,}'.format(1234567)", "'{:_}'.format(1234567)", "'{:x} {:X} {:o} {:b}'.format(255, 255, 8, 5)",
           "'{:#x} {:#b}'.format(255, 5)", "'{:c}'.format(65)", "'{:f}'.format(3.14159)", "'{:.2f}'.format(2.675)", "'{:.0f}'.format(2.5)", "'{:.0f}'.format(3.5)", "'{:10.3f}|'.format(3.14159)", "'{:010.3f}'.format(-3.14159)", "'{:e}'.format(12345.678)", "'{:.2E}'.format(0.00012)", "'{:g}'.format(1234567.0)", "'{:g}'.format(0.0001)",
           "'{:g}'.format(0.00001)", "'{:G}'.format(1e20)", "'{:.3g}'.format(1234.5)", "'{:%}'.format(0.256)", "'{:.1%}'.format(0.256)", "'{:,.2f}'.format(1234567.891)", "'{:.3}'.format(3.14159)", "'{:.10}'.format(3.0)", "'{:10}|'.format(3.0)", "'{:n}'.format(12)", "'{:d}'.format(1.0)", "'{:s}'.format(1)", "'{:d}'.format('a')", "'{:.2f}'.format('a')",
           "'{:>5}'.format(true)", "'{:d}'.format(true)", "'{}'.format(true)", "'{:>5}'.format(none)", "'{}'.format(none)", "'{:>5}'.format([1])", "'{}'.format([1])", "'{'.format()", "'}'.format()", "'{{}}'.format()", "'{}'.format()", "'{a}'.format()", "'{0} {}'.format(1, 2)", "'{:{}}|'.format('a', 5)", "'{:{w}.{p}f}'.format(3.14159, w=8, p=2)",
           "'{a.__class__}'.format(a=1)", "'{.real}'.format(1)", "'{:!}'.format(1)", "'{!x}'.format(1)", "'{a}'.format_map({'a': 1})", "'%d' % 3", "'%d' % 3.9", "'%d' % 'a'", "'%s %s' % (1, 2)", "'%s' % (1,)", "'%s' % [1, 2]", "'%s %s' % 1", "'%s' % (1, 2)", "'%(a)s' % {'a': 1}", "'%(a)d %(b)5.1f|' % {'a': 1, 'b': 2.25}", "'%(a)s' % 1",
           "'%5d|%-5d|%05d' % (1, 2, 3)", "'%+d % d' % (1, 2)", "'%x %X %o %#x' % (255, 255, 8, 255)", "'%.2f' % 2.675", "'%e' % 12345.678", "'%g %g' % (1e-5, 123456789)", "'%c%c' % (65, 'b')", "'%r' % 'a'", "'%%' % ()", "'%' % 1", "'%q' % 1", "'%*d|' % (5, 1)", "'%.*f' % (1, 2.25)", "'%.3s|' % 'abcdef'", "'%10.3s|' % 'abcdef'", "'%s' % none", "'%d' % true",
           "'%i' % -3", "'%.3d' % 5", "'%s' % {'a': 1}", "'abc' % {'a': 1}", "'abc' % [1]", "'abc' % 1", "'abc' % ()", "'%f' % 'a'", "'%s' % text", "'%5s|%-5s|' % ('a', 'b')", "'%f' % 1e300", "'%.20f' % 0.1", "'%s' % 1.0", "'%(a)s %s' % {'a': 1}", "'%d%%' % 5", "'%ld' % 5", "'%c' % 'ab'", "'%x' % 1.5", "'%g' % 100000", "'%g' % 1000000", "'%#g' % 1.0", "'%010.2f' % -1.5", "'%F' % (1e308 * 10)", "'%5.1f|' % (-1e308 * 10)"]

STATEMENTS = [
    "a\n", "a\n\n", "a\r\nb\rc\r\n", "\n{{ 1 }}\n", "{% if true %}\nx\n{% endif %}\ny", "  {% if true %}\n  x\n  {% endif %}\n  y", "a  {%- if true -%}  b  {%- endif -%}  c", "a  {%+ if true +%}\n  b  {% endif %}\nc",
    "  {%+ if true %}a{% endif %}", "{% if true +%}\nx{% endif %}", "{#  c #}\nx", "  {# c #}\nx", "a {#- c -#} b", "  {#+ c +#}\nx", "{{- 1 -}}  {{- 2 }}", "  {{ 1 }}\n\n", "  {{+ 1 }}", "{{1}}{{-1}}", "{% raw %}{{ x }}{% endraw %}", "{% raw %}\n {{ x }} {% endraw %}\ny", "{%- raw -%}  a  {%- endraw -%}  b", "a\n  {% raw %}b\n  {% endraw %}\nc",
    "{% raw %}{% if %}{# #}{% endraw %}", "{% raw %}x", "{# x", "{{ 'a", "{{ 1", "{% if 1", "{% if 1 %}x", "{% for x in [1] %}{% if x %}", "{% endif %}", "{% if 1 %}{% endfor %}", "{% nope %}", "{%%}", "{{}}", "{{ }}", "{% if %}{% endif %}", "{{ 1 2 }}", "{{ a b }}", "{{ (1 }}", "{{ 1) }}", "{{ [1 }}", "{{ {1} }}", "{{ {1:} }}", "{{ 1 + }}", "{{ * }}", "{{ a. }}", "{{ a[ }}",
    "{{ a[] }}", "{{ f(a=1, 2) }}", "{{ f(**a, *b) }}", "{{ f(a=1, a=2) }}", "{{ a|}}", "{{ a|1 }}", "{{ a is }}", "{{ a is not }}", "{{ 1 if }}", "{{ x = 1 }}", "{% set %}", "{% set 1 = 2 %}", "{% set x %}", "{% set true = 1 %}", "{% for 1 in [1] %}{% endfor %}", "{% for in [1] %}{% endfor %}", "{% for x %}{% endfor %}", "{% macro %}{% endmacro %}", "{% macro f(a=1, b) %}{% endmacro %}", "{{ a ? b }}", "{{ $ }}", "{{ a & b }}", "{{ 'a' 'b' 1 }}", "{{ 1__0 }}", "{{ 0x }}", "{{ 1.2.3 }}", "{{ 01 }}",
    "{{ \"a\\\"b\" }}", "{{ 'a\nb' }}", "{{ 'a\r\nb'|length }}", "{{ '}}' }}", "{% if '%}' %}x{% endif %}", "{{ {'a': {'b': 1}} }}", "{{ {'a': {'b': 1}}}}", "{% set x = {'a': 1} %}{{ x.a }}", "{% set x, y = 1, 2 %}{{ x }}{{ y }}", "{% set x, y = [1] %}", "{% set (x, y) = 'ab' %}{{ x ~ y }}", "{% set x, (y, z) = 1, (2, 3) %}{{ z }}", "{% set x, y = 1, 2, 3 %}", "{% set x, y = 5 %}", "{% set x = 1, %}{{ x }}", "{% set x %}a{{ 1 }}b{% endset %}{{ x }}", "{% set x | upper %}abc{% endset %}{{ x }}",
    "{% set x | replace('a', 'b') | upper %}abc{% endset %}{{ x }}", "{% set ns.a = 1 %}", "{% set ns = namespace() %}{% set ns.a = 1 %}{{ ns.a }}", "{% set ns = {'a': 1} %}{% set ns.a = 2 %}", "{% set ns = namespace(a=1) %}{% for i in [1,2] %}{% set ns.a = ns.a + i %}{% endfor %}{{ ns.a }}", "{% set ns = namespace() %}{% set ns.a, ns.b = 1, 2 %}{{ ns.a ~ ns.b }}", "{% set ns = namespace() %}{% set ns._a = 1 %}", "{% set ns = namespace() %}{% set ns.a %}t{% endset %}{{ ns.a }}",
    "{% for x in items %}{{ x }}{% endfor %}", "{% for x in items %}{{ loop.index }}{{ loop.index0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.revindex }}{{ loop.revindex0 }} {% endfor %}", "{% for x in [] %}a{% else %}b{% endfor %}", "{% for x in [1] %}{% break %}{% else %}b{% endfor %}", "{% for x in [1, 2] %}{{ x }}{% continue %}y{% else %}b{% endfor %}", "{% for x in [1,2,3,4] if x is even %}{{ x }}{{ loop.index }}{{ loop.length }}{{ loop.last }};{% endfor %}", "{% for x in [1,2,3] %}{% if x == 2 %}{% continue %}{% endif %}{{ x }}{% endfor %}",
    "{% for x in [1,2,3] %}{% if x == 2 %}{% break %}{% endif %}{{ x }}{% endfor %}", "{% break %}", "{% for x in [1] %}{% macro f() %}{% break %}{% endmacro %}{% endfor %}", "{% for k, v in fields.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k in fields %}{{ k }}{% endfor %}", "{% for k, v in fields %}{{ k }}{% endfor %}", "{% for a, b in pairs %}{{ a }}{{ b }}{% endfor %}", "{% for c in wide %}[{{ c }}]{% endfor %}", "{% for x in 5 %}{% endfor %}", "{% for x in missing %}a{% else %}none{% endfor %}", "{% for x in none %}a{% endfor %}",
    "{% for x in [1,2,3] %}{{ loop.previtem }}{{ loop.nextitem }}|{% endfor %}", "{% for x in [1,1,2] %}{{ loop.changed(x) }}{% endfor %}", "{% for x in [1,2,3] %}{{ loop.cycle('a', 'b') }}{% endfor %}", "{% for x in [1] %}{{ loop.cycle() }}{% endfor %}", "{% for x in [1] %}{{ loop }}{% endfor %}", "{% for x in [1] %}{{ loop.nope }}{{ loop.nope is defined }}{% endfor %}", "{% for x in [1,2] %}{% for y in [1,2,3] %}{{ loop.index }}{% endfor %}{{ loop.index }};{% endfor %}", "{% for x in [[1,[2]],[3]] recursive %}{% if x is iterable %}({{ loop(x) }}){% else %}{{ x }}{{ loop.depth }}{{ loop.depth0 }}{% endif %}{% endfor %}",
    "{% for x in [1] %}{{ loop([2]) }}{% endfor %}", "{% for x in [3,4]|map('string') %}{{ loop.index }}/{{ loop.length }}{{ loop.last }}{{ loop.revindex }} {% endfor %}", "{% for x in [3,4,5]|map('string') %}{{ loop.last }}{{ loop.length }} {% endfor %}", "{% set x = 1 %}{% for i in [1,2] %}{{ x }}{% set x = 5 %}{{ x }}{% endfor %}{{ x }}", "{% for i in [1] %}{% set y = 5 %}{% endfor %}{{ y is defined }}{{ i is defined }}", "{% for text in [1] %}{{ text }}{% endfor %}{{ text }}", "{% if true %}{% set z = 1 %}{% endif %}{{ z }}", "{% if false %}{% set text = 1 %}{% endif %}{{ text }}", "{% for i in [1,2] %}{% if i == 1 %}{% set text = 'in' %}{% endif %}{{ text }};{% endfor %}",
    "{% set loop = 1 %}{{ loop }}", "{% for loop in [1] %}{% endfor %}", "{% for i in [1] %}{% set loop = 2 %}{% endfor %}", "{% for x in [1,2] %}{% endfor %}{{ x is defined }}", "{% for x in range(3) %}{{ x }}{{ ',' if not loop.last }}{% endfor %}", "{% for x in items|sort %}{{ x }}{% endfor %}", "{% for x in items|reverse %}{{ x }}{{ loop.length }}{% endfor %}", "{% for i in [1,2,3] %}\n  {{ i }}\n{% endfor %}\nend", "{% for i in [1,2,3] -%}\n  {{ i }}\n{%- endfor %}\nend", "{% for x in [1, 2] %}{% for y in [3] if x > 1 %}{{ y }}{% else %}none{% endfor %}{% endfor %}", "{% for x in people if x.age %}{{ x.name }}{% endfor %}", "{% set ns = namespace(f=true) %}{% for x in [1,2,3] if ns.f %}{{ x }}{% set ns.f = false %}{% endfor %}",
    "{% macro f(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ f(1) }}{{ f(1, 3) }}{{ f(b=4, a=5) }}{{ f() }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1, 2) }}", "{% macro f(a) %}{{ a }}{% endmacro %}{{ f(b=2) }}", "{% macro f() %}{{ varargs }}{{ kwargs }}{% endmacro %}{{ f(1, 2, a=3) }}", "{% macro f(a) %}{{ a is defined }}{{ a.x }}{% endmacro %}{{ f() }}", "{% macro f(a, b=a) %}{{ b }}{% endmacro %}{{ f(7) }}", "{% macro f(text=text) %}{{ text }}{% endmacro %}{{ f() }}|{{ f(1) }}", "{% macro f(x) %}{{ caller() }}{{ x }}{% endmacro %}{% call f(1) %}body{% endcall %}", "{% macro f() %}{{ caller(1, 2) }}{% endmacro %}{% call(a, b) f() %}{{ a }}{{ b }}{% endcall %}",
    "{% macro f() %}x{% endmacro %}{% call f() %}body{% endcall %}", "{% macro f() %}{{ caller() }}{% endmacro %}{{ f() }}", "{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}", "{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }}", "{{ f() }}{% macro f() %}x{% endmacro %}", "{% macro f() %}{{ late }}{% endmacro %}{% set late = 1 %}{{ f() }}", "{% macro f() %}{% set in = 1 %}{% endmacro %}", "{% macro f() %}{% set inner = 1 %}{{ inner }}{% endmacro %}{{ f() }}{{ inner is defined }}", "{% macro f(a) %}x{% endmacro %}{{ f.name }}{{ f.arguments }}{{ f.catch_kwargs }}{{ f.caller }}{{ f }}", "{% macro f(a, a) %}{% endmacro %}",
    "{% set x = 1 %}{% macro f() %}{{ x }}{% endmacro %}{% set x = 2 %}{{ f() }}", "{% for i in [1,2] %}{% macro f() %}{{ i }}{% endmacro %}{{ f() }}{% endfor %}", "{% macro f() %} a {% endmacro %}[{{ f() }}][{{ f()|trim }}]", "{% macro f(*a) %}{% endmacro %}", "{% macro f(x) %}{{ x }}{% endmacro %}{{ f(*[1]) }}{{ f(**{'x': 2}) }}{{ f(*[1], **{'x': 2}) }}", "{{ '%s%s'|format(*[1, 2]) }}", "{% with a = 1, b = 2 %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}", "{% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q is defined }}", "{% set a = 1 %}{% with a = 2, b = a %}{{ a }}{{ b }}{% endwith %}{{ a }}", "{% with a, b = (1, 2) %}{{ a }}{{ b }}{% endwith %}",
    "{% filter upper %}abc{{ 'd' }}{% endfilter %}", "{% filter replace('a', 'b')|upper %}abc{% endfilter %}", "{% filter nope %}x{% endfilter %}", "{% filter length %}abc{% endfilter %}", "{% print 1, 'a' %}", "{% print %}", "{% generation %}a{{ 1 }}{% endgeneration %}b", "{% generation %}\n a\n{% endgeneration %}\nb", "{% for x in [1] %}{% generation %}{% set v = 1 %}{{ x }}{{ loop.index }}{% endgeneration %}{{ v is defined }}{% endfor %}", "{% for x in [1] %}{% generation %}{% break %}{% endgeneration %}{% endfor %}", "{% if true %}a{% elif true %}b{% else %}c{% endif %}", "{% if false %}a{% elif true %}b{% else %}c{% endif %}", "{% if false %}a{% elif false %}b{% else %}c{% endif %}", "{% if missing %}a{% else %}b{% endif %}", "{% if 1, %}a{% endif %}",
    "{% if false %}{{ x|nope }}{% endif %}ok", "{{ x|nope if false else 'ok' }}", "{{ 'ok' if true else x|nope }}", "{% if true %}{{ 1|nope }}{% endif %}", "{% for x in [] %}{{ x|nope }}{% endfor %}", "{% if false %}{% for x in [] %}{{ x|nope }}{% endfor %}{% endif %}", "{% if false %}{{ x is nope }}{% endif %}ok", "{{ text|upper|lower }}", "{{ -1|abs }}", "{{ (-1)|abs }}", "{{ 1 + 2|string }}", "{{ 'a' ~ 1 + 2 }}", "{{ 'a' ~ 'b'|upper }}", "{{ 1 in [1] and 2 not in [1] }}", "{{ not 1 in [1] }}", "{{ 1 is odd and 2 is even }}", "{{ 1 is not even }}", "{{ 5 is divisibleby 5 and true }}", "{{ [1,2]|first is odd }}", "{{ items[0] is defined }}", "{{ 'a' in 'abc' is true }}", "{{ text.split(',')[0] }}", "{{ text.split(',')|last|trim }}", "{{ text['upper']() }}", "{{ fields['get']('b') }}", "{{ (1, 2)|length }}", "{{ 'x'.join(['a', 'b']) }}", "{{ ''.join(words|sort) }}",
    "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.current }}{{ c.next() }}{{ c.next() }}{{ c.reset() }}{{ c.next() }}", "{% set j = joiner('; ') %}{{ j() }}a{{ j() }}b", "{% set a = [1] %}{% set a = a + [2] %}{{ a }}", "{% set d = {'a': 1} %}{% set d = dict(d, b=2) %}{{ d }}", "{% set x = y = 1 %}", "{% set a = 1 if false %}{{ a is defined }}", "{{ true }}{{ True }}{{ none }}{{ None }}{{ false }}", "{{ \"\" }}{{ [''] }}", "{{ quotes }}", "{{ [quotes] }}", "{{ [wide] }}", "{{ mixed }}", "{{ fields }}", "{{ people }}", "{{ mixed|tojson }}", "{{ [html]|tojson }}", "{{ html|e }}", "{{ html|e|e }}", "{{ html|safe|e }}", "{{ [html|safe] }}", "{{ (html|e)|length }}", "{{ (html|safe) == html }}",
    "{{ raise_exception('a' ~ 1) }}", "{{ raise_exception() }}", "{% if not text.startswith('x') %}{{ raise_exception('bad') }}{% endif %}", "{{ messages[0]['content'] }}", "{{ missing }}", "{{ missing.x }}", "{{ nothing }}", "{% include 'x' %}", "{% extends 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}", "{% block a %}{% endblock %}", "{% autoescape true %}{% endautoescape %}", "{% trans %}{% endtrans %}", "{% do x %}", "{% debug %}", "line\n{% if true %}\n\n{{ 1 }}\n\n{% endif %}\nend\n\n", "\t{% if true %}\tx\t{% endif %}\t\n", "a\n\n  {%- if true %} b {% endif -%}\n\n c", "x{% if true %}\r\ny{% endif %}", "\u00a0{% if true %}x{% endif %}", "a\x0c{%- if true %}b{% endif %}", "{{ 'a' }}\n{{ 'b' }}\n", "{{ '\\n' }}{{ '\\\\n' }}", "{{ 'é\\é' }}", "{{ '\\u0041\\x42\\103' }}", "{{ '\\xZ' }}", "{{ '\\u12' }}", "{{ '\\N{BULLET}' }}", "{{ é }}{{ ñ1|default(2) }}", "{{ ² }}", "{{ 1if true else 2 }}", "{{ 1or 2 }}", "{{ [1,2][0]}}", "{{ {'a':1}.a}}", "{% set é = 1 %}{{ é }}",
]


class Clock(datetime.datetime):
    now_is = NOW

    @classmethod
    def now(cls, tz=None):
        return cls.now_is


def render(template):
    try:
        compiled = chat_template_utils._cached_compile_jinja_template(template)
        return [template, compiled.render(**copy.deepcopy(VARIABLES))]
    except SyntaxError:
        return [template, None, "SyntaxError"]
    except Exception as error:
        return [template, None, type(error).__name__]


def main():
    chat_template_utils.datetime = Clock
    sources = [f"{{{{ {text} }}}}" for text in itertools.chain(expressions(), filters(), tests())]
    sources += [f"{{{{ ({value}).{method} }}}}" for value in METHOD_VALUES for method in METHODS]
    sources += [f"{{{{ {text} }}}}" for text in FORMATS] + STATEMENTS
    entries = [render(source) for source in dict.fromkeys(sources)]
    # A text with an address in memory, or one that the interpreter's hashes order, differs by run.
    entries = [entry for entry in entries if not re.search(r"0x[0-9a-f]{8,}", entry[1] or "")]
    directives = ["%" + letter for letter in "aAbBcdDeFgGhHIjklmMnpPrRStTuUVwWxXyYCzZ%f"] + ["%-d", "%_d", "%05d", "%^a", "%#p", "%-I", "%-j", "%_H", "%Ey", "%Od", "%10Y", "%-y", "%e %B %Y", "%^B", "%#Z", "%Q", "%", "a%"]
    dates = [[date.isoformat(), directive, date.strftime(directive)] for date in DATES for directive in directives]
    with open(os.path.join(HERE, "golden.json"), "w", encoding="utf-8") as file:
        rows = ",\n".join(json.dumps(entry, ensure_ascii=True) for entry in entries)
        days = ",\n".join(json.dumps(entry) for entry in dates)
        file.write(f'{{"variables": {json.dumps(VARIABLES)},\n"dates": [\n{days}\n],\n"entries": [\n{rows}\n]}}\n')
    print(len(entries), "entries")


main()
