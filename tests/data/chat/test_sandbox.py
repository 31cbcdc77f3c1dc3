"""Chat templates that would build gigabytes or run for ever are refused; ordinary ones are not."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2.sandbox import ImmutableSandboxedEnvironment

from shadow_mlx.data.chat import budget, rendering, sandbox
from shadow_mlx.data.chat.ending import turn_end
from shadow_mlx.data.chat.rendering import ChatTemplate, TemplateError
from tests.data import chat_templates as templates
from tests.data import hostile
from tests.data.random_templates import random_template
from tests.data.talk import SYSTEM, TALK

BIG = 10**10
DOUBLED = "{% set ns = namespace(x='ab') %}{% for i in range(60) %}"
MUCH = "{% set s = 'abcdefgh' * 100000 %}"
LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}"

HOSTILE = {
    "concatenated": DOUBLED + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x }}",
    "added": DOUBLED + "{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x }}",
    "lists added": "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}"
    "{% set ns.x = ns.x + ns.x %}{% endfor %}{{ ns.x | length }}",
    "repeated": f"{{{{ 'a' * {BIG} }}}}",
    "repeated from the left": f"{{{{ {BIG} * 'a' }}}}",
    "a list repeated": f"{{{{ [0] * {BIG} }}}}",
    "a power": "{{ 9 ** 999999999 > 1 }}",
    "squared again and again": "{% set ns = namespace(x=99999) %}{% for i in range(60) %}"
    "{% set ns.x = ns.x * ns.x %}{% endfor %}{{ ns.x > 1 }}",
    "centred": f"{{{{ 'a' | center({BIG}) }}}}",
    "indented": "{{ 'a\\nb' | indent(9999999999) }}",
    "indented often": "{{ ('\\n' * 900000) | indent(900000) }}",
    "padded": f"{{{{ 'a'.ljust({BIG}) }}}}",
    "padded by zeros": f"{{{{ 'a'.zfill({BIG}) }}}}",
    "tabs": f"{{{{ '\\t'.expandtabs({BIG}) }}}}",
    "percent": "{{ '%9999999999d' % 1 }}",
    "percent by an argument": f"{{{{ '%*d' % ({BIG}, 1) }}}}",
    "the filter format": "{{ '%9999999999d' | format(1) }}",
    "format": "{{ '{:>9999999999}'.format(1) }}",
    "format by an argument": f"{{{{ '{{:>{{}}}}'.format(1, {BIG}) }}}}",
    "replaced": "{{ ('a' * 900000).replace('a', 'b' * 900000) }}",
    "replaced by the filter": "{{ ('a' * 900000) | replace('a', 'b' * 900000) }}",
    "replaced by nothing": "{{ ('a' * 900000).replace('', 'b' * 900000) }}",
    "joined": "{{ range(90000) | list | join('b' * 900000) }}",
    "joined by the method": "{{ ('b' * 900000).join(['a'] * 900000) }}",
    "joined with itself": MUCH + "{{ s.join(s) | length }}",
    "joined as it is made": MUCH + "{{ range(90000) | map('string') | join(s) }}",
    "translated": MUCH + "{{ s.translate({97: s}) | length }}",
    "percent by name": MUCH + "{{ ('%(a)s' * 100000) % {'a': s} }}",
    "json separated": MUCH + "{{ range(90000) | list | tojson(separators=(s, s)) }}",
    "lists summed": "{{ range(99999) | batch(1) | list | sum(start=[]) | length }}",
    "a batch": f"{{{{ [1] | batch({BIG}, 0) | list }}}}",
    "json": f"{{{{ [[1]] | tojson(indent={BIG}) }}}}",
    "a list of itself": "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}"
    "{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x | string }}",
    "a tuple of itself": "{% set ns = namespace(x=1) %}{% for i in range(60) %}"
    "{% set ns.x = (ns.x, ns.x) %}{% endfor %}{{ ns.x | tojson }}",
    "an object of itself": "{% set ns = namespace(x=1) %}{% for i in range(60) %}"
    "{% set ns.x = {'a': ns.x, 'b': ns.x} %}{% endfor %}{{ ns.x }}",
    "a block": "{% set ns = namespace(x='ab') %}{% for i in range(60) %}"
    "{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}{% endfor %}{{ ns.x }}",
    "a macro": "{% macro m(x) %}{{ x }}{{ x }}{% endmacro %}{% set ns = namespace(x='ab') %}"
    "{% for i in range(60) %}{% set ns.x = m(ns.x) %}{% endfor %}{{ ns.x }}",
    "a macro of itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "a loop": LOOP + "{% endfor %}{% endfor %}",
    "a loop that writes": LOOP + "aaaaaaaaaa{% endfor %}{% endfor %}",
    "a loop in a macro": "{% macro m() %}"
    + LOOP
    + "{% endfor %}{% endfor %}{% endmacro %}{{ m() }}",
    "a loop in a filter": "{{ range(99999) | map('string') | map('length') | sum }}" * 40,
    "text of its own": f"{{{{ lipsum(n={10**6}) }}}}",
    "a date": "{{ strftime_now('%A' * 9999) }}",
    "nothing divided": "{{ 1 / 0 }}",
    "a number too large": "{{ 1e308 * 10 ** 400 }}",
    "a number as text": "{{ 10 ** 9000 }}",
    "deep brackets": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "deep lists": "{{ " + "[" * 500 + "]" * 500 + " }}",
    "deep blocks": "{% if 1 %}" * 500 + "{% endif %}" * 500,
    "a source of megabytes": "{# " + "a" * 2_000_000 + " #}",
    "no template": "{% for %}",
    "a secret": "{{ messages.__class__.__mro__ }}",
    "a hidden name": "{% set ns = namespace() %}{% set ns._x = 1 %}{{ ns._x }}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_asks_for_too_much_is_refused_at_once(make_tokenizer: Any, name: str) -> None:
    source = HOSTILE[name]
    template = ChatTemplate(make_tokenizer(source))
    before = time.monotonic()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(budget, "SECONDS", 0.3)
        with pytest.raises(TemplateError) as caught:
            template.text(list(TALK[:2]), prompt=True)
        assert turn_end(make_tokenizer(source), template) is None
    assert str(caught.value)
    assert time.monotonic() - before < 10


ORDINARY = {
    name: source
    for name, source in vars(templates).items()
    if isinstance(source, str) and name.isupper()
} | {
    "macros": "{% macro m(x) %}<{{ x }}>{% endmacro %}{% for a in messages %}{{ m(a.content) }}"
    "{% endfor %}",
    "breaks": "{% for a in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ a.role }}"
    "{% endfor %}",
    "values": "{{ messages | tojson(indent=2) }}{{ (1, 'a', none) }}{{ messages[0] }}"
    "{{ 'a' ~ 1 ~ none ~ undefined }}{{ '%s-%d' % ('a', 2) }}{{ '{:>5}'.format('a') }}",
    "texts": "{{ 'a b' | title | center(9) }}{{ 'a\\nb' | indent(2) }}{{ 'aXb'.split('X') }}"
    "{{ ['a', 'b'] | join(', ') }}{{ 'ab'.replace('a', 'c') }}{{ 3 * 'ab' }}{{ 2 ** 10 }}",
    "tools": "{% if tools %}{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}",
    "scopes": "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}",
    "names": "{{ bos_token }}{{ eos_token }}{% set d = dict(a=1) %}{{ d.a }}{{ d.items() | list }}",
    "undefined": "{{ messages[0].nothing }}{{ nothing is defined }}{{ tools is none }}",
}


@pytest.mark.parametrize("name", ORDINARY)
@pytest.mark.parametrize("prompt", [False, True], ids=["whole", "prompt"])
def test_ordinary_templates_are_rendered_as_transformers_does(
    make_tokenizer: Any, name: str, prompt: bool
) -> None:
    tokenizer = make_tokenizer(ORDINARY[name], thinking=True)
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"a": "é<b>"}}}]
    thoughtful = {**TALK[3], "reasoning_content": "so"}
    for talk in (list(TALK), [*TALK[:3], thoughtful], [*SYSTEM, *TALK]):
        try:
            expected = tokenizer.apply_chat_template(
                talk, tools=tools, add_generation_prompt=prompt, tokenize=False
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, ours refuses, too
            with pytest.raises(TemplateError, match=re_of(error)):
                ChatTemplate(tokenizer).text(talk, tools, prompt=prompt)
        else:
            assert ChatTemplate(tokenizer).text(talk, tools, prompt=prompt) == expected


@pytest.mark.parametrize("name", hostile.HOSTILE)
def test_every_way_to_take_too_much_is_refused_with_the_reason(name: str) -> None:
    variables = {"messages": list(TALK[:2]), "tools": None}
    before, memory = time.thread_time(), budget.peak_memory()
    with pytest.raises(sandbox.TooMuchError, match="the chat template"):
        sandbox.render(hostile.HOSTILE[name], variables, seconds=0.2)
    assert time.thread_time() - before < 2
    assert budget.peak_memory() - memory < 500 << 20


@pytest.mark.parametrize("name", hostile.FAULTY)
def test_what_fails_in_a_template_is_its_refusal(make_tokenizer: Any, name: str) -> None:
    template = ChatTemplate(make_tokenizer(hostile.FAULTY[name]))
    with pytest.raises(TemplateError) as caught:
        template.text(list(TALK[:2]), prompt=True)
    assert 0 < len(str(caught.value)) < 400


def test_a_template_that_takes_too_long_is_given_up(
    make_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(budget, "SECONDS", 0.05)
    template = ChatTemplate(make_tokenizer(HOSTILE["a loop"]))
    before = time.thread_time()
    for _ in range(1000):
        with pytest.raises(TemplateError, match="runs for more than"):
            template.text(list(TALK[:2]), prompt=True)
    assert time.thread_time() - before < 5


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text(max_size=20), min_size=1, max_size=8), width=st.integers(-5, 30))
def test_bounds_change_no_text(texts: list[str], width: int) -> None:
    source = (
        "{% for m in messages %}{{ loop.index ~ '/' ~ loop.length }}{{ m + ':' + m * 2 }}"
        "{{ '%*s|%s' % (width, m, m) }}{{ '{:>{}}'.format(m, width if width > 0 else 1) }}"
        "{{ m.center(width) }}{{ m|indent(2) }}{{ m.replace('a', m) }}{{ m.join(messages) }}"
        "{{ [m, (m, 1)]|tojson }}{{ messages|map('upper')|join(m) }}{{ [m, none] }}{% endfor %}"
        "{{ messages|sort == messages }}{{ {messages[0]: 1}[messages[0]] }}{{ [1, 2]|sum }}"
        "{{ [[1], [2]]|sum(start=[]) }}{{ width ** 2 % 7 }}{{ messages|batch(2, '-')|list }}"
    )
    plain = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    plain.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    expected = plain.from_string(source).render(messages=texts, width=width)
    assert sandbox.render(source, {"messages": texts, "width": width}) == expected


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_whatever_a_template_computes_it_ends(seed: int) -> None:
    before, memory = time.thread_time(), budget.peak_memory()
    with contextlib.suppress(*rendering._TEMPLATE_FAULTS):
        sandbox.render(random_template(seed), {"messages": list(TALK)}, seconds=0.1)
    assert time.thread_time() - before < 3
    assert budget.peak_memory() - memory < 1 << 30


def re_of(error: Exception) -> str:
    import re

    return re.escape(str(error))


def test_long_conversations_are_not_refused(make_tokenizer: Any) -> None:
    talk = [*TALK] * 1250
    for name in ("CHATML", "QWEN3", "MISTRAL"):
        template = ChatTemplate(make_tokenizer(getattr(templates, name)))
        assert len(template.text(talk, prompt=True)) > 90_000
    long = [{"role": "user", "content": "hello there " * 200_000}]
    template = ChatTemplate(make_tokenizer(templates.CHATML))
    assert len(template.text(long, prompt=True)) > 2_400_000


def test_any_thread_is_watched_and_goes_on_afterwards() -> None:
    found: list[str] = []

    def work() -> None:
        with pytest.raises(sandbox.TooMuchError, match="runs for more than"):
            sandbox.render(HOSTILE["a loop"], {"messages": []}, seconds=0.1)
        found.append(sandbox.render("{{ messages }}", {"messages": []}))
        time.sleep(0.2)  # a late signal would come now

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["[]"] * 4


def test_what_is_written_is_bounded_by_the_conversation() -> None:
    loop = "{% for i in range(1000) %}{{ messages[0] }}{% endfor %}"
    with pytest.raises(sandbox.TooMuchError, match="writes more than 500 characters"):
        sandbox.render(loop, {"messages": ["hello"]}, characters=500)
