"""Chat templates that would build gigabytes or run for ever are refused; ordinary ones are not."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from shadow_mlx.data.chat import sandbox
from shadow_mlx.data.chat.ending import turn_end
from shadow_mlx.data.chat.rendering import ChatTemplate, TemplateError
from shadow_mlx.data.chat.sandbox import render
from shadow_mlx.machine import memory_of
from tests.data.families import BY_NAME
from tests.data.families.tokenizers_of import tokenizer_of
from tests.data.talk import SYSTEM, TALK

MUCH = "{% set s = 'abcdefgh' * 100000 %}"
AGAIN = "{% set ns = namespace(x='ab', l=[1]) %}{% for i in range(60) %}"
LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}"
LIST = AGAIN + "{% set ns.l = [ns.l, ns.l] %}{% endfor %}"

TOO_MUCH = {
    # operations of the template, and single ones that no program looks into while they run
    "a loop": LOOP + "{% endfor %}{% endfor %}",
    "a loop in a filter": "{{ range(99999) | map('string') | map('length') | sum }}" * 400,
    "a macro that calls itself twice": (
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(90) }}"
    ),
    "a tower of powers": "{{ 9 ** (9 ** 9) > 1 }}",
    "very many slices": "{{ range(9) | slice(1000000000) | list | length }}",
    "nested lists compared": LIST + "{% set o = ns.l %}" + LIST + "{{ o == ns.l }}",
    "nested tuples hashed": LIST.replace("[ns.l, ns.l]", "(ns.l, ns.l)").replace("[1]", "(1,)")
    + "{{ {ns.l: 1} | length }}",
    "doubled": AGAIN + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}{{ ns.x | length }}",
    "doubled lists": AGAIN + "{% set ns.l = ns.l + ns.l %}{% endfor %}",
    "doubled by a block": AGAIN
    + "{% set y %}{{ ns.x }}{{ ns.x }}{% endset %}{% set ns.x = y %}{% endfor %}",
    "a long text": f"{{{{ 'a' * {10**10} }}}}",
    "padding": f"{{{{ '{{:>{{}}}}'.format(1, {10**10}) | length }}}}",
    "indented JSON": "{{ [[1]] | tojson(indent=10000000000) | length }}",
    "joined": MUCH + "{{ range(90000) | join(s) | length }}",
    "nested lists as text": LIST + "{{ ns.l }}",
    "kept texts": "{% set ns = namespace(x=[]) %}{% for i in range(90000) %}"
    "{% set ns.x = [ns.x, 'a' * 1900000 ~ i] %}{% endfor %}",
    "a source of megabytes": "{{ 'a' }}" * 200_000,
}
"""What the system ends, by its time or by its memory."""

REFUSED = {
    "an output in a loop": (
        MUCH + "{% for i in range(9) %}{{ s }}{% endfor %}",
        "writes more than 2,0",
    ),
    "a macro of itself": ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "calls itself"),
    "deep nesting": ("{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}", "nested too deeply"),
    "deep blocks": ("{% if 1 %}" * 500 + "{% endif %}" * 500, "nested too deeply"),
    "many loops": ("{% for a in 'a' %}" * 30 + "{% endfor %}" * 30, "nested too deeply"),
    "nothing divided": ("{{ messages | length % 0 }}", "zero"),
    "a number of many digits": ("{{ 10 ** 5000 }}", "digits"),
    "a long range": ("{% for i in range(10**9) %}{% endfor %}", "Range too big"),
    "an endless reason": (MUCH + "{{ raise_exception(s) }}", "^abc.{297}…$"),
    "no template": ("{% for %}", "Expected"),
    "another file": ("{% include '/etc/passwd' %}", "no loader"),
    "a secret": ("{{ messages.__class__.__mro__ }}", "unsafe"),
    "a secret by a filter": ("{{ (messages | attr('__class__')).__mro__ }}", "."),
    "a secret of a function": ("{{ raise_exception.__globals__['json'] }}", "unsafe"),
    "a secret by a format": ("{{ '{0.__class__.__mro__}'.format(messages) }}", "unsafe"),
    "a changed conversation": ("{{ messages.append(1) }}", "safe"),
}
"""What a template cannot do, and why."""


def templated(source: str | None) -> Any:
    """A tokenizer with this template."""
    return tokenizer_of("phi3", template=source)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox, "SECONDS", 0.2)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_asks_for_too_much_is_ended(name: str) -> None:
    before = time.thread_time()
    with pytest.raises(sandbox.TooMuchError, match=r"runs for more than 0\.2|more than 512 MB"):
        render(TOO_MUCH[name], {"messages": []})
    assert time.thread_time() - before < 1  # of this process, which waits
    assert render("{{ messages }}", {"messages": []}) == "[]"


@pytest.mark.parametrize("name", REFUSED)
def test_what_fails_in_a_template_is_its_refusal(name: str) -> None:
    source, reason = REFUSED[name]
    template = ChatTemplate(templated(source))
    with pytest.raises(TemplateError, match=reason):
        template.text(list(TALK[:2]), prompt=True)
    assert turn_end(templated(source), template) is None


def test_memory_is_looked_at_where_the_system_keeps_no_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sandbox, "memory_of", lambda process: 1 << 30)
    with pytest.raises(sandbox.TooMuchError, match="more than 512 MB"):
        render(TOO_MUCH["a loop"], {"messages": []})


ORDINARY = {name: family.template for name, family in BY_NAME.items() if family.template} | {
    "breaks": "{% for a in messages %}{% if loop.index > 1 %}{% break %}{% endif %}{{ a.role }}"
    "{% endfor %}",
    "values": "{{ messages | tojson(indent=2) }}{{ (1, 'a', none) }}{{ messages[0] }}"
    "{{ 'a' ~ 1 ~ none ~ undefined }}{{ '%s-%d' % ('a', 2) }}{{ '{:>5}'.format('a') }}",
    "tools": "{% if tools %}{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}",
    "scopes": "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}",
    "names": "{{ bos_token }}{{ eos_token }}{% set d = dict(a=1) %}{{ d.a }}{{ d.items() | list }}",
    "undefined": "{{ messages[0].nothing }}{{ nothing is defined }}{{ tools is none }}",
    "a day": "{{ strftime_now('%d %B %Y') }}",
    "odd letters": "{{ 'é🙂\0\\ud83d' }}",
}


@pytest.mark.parametrize("name", ORDINARY)
@pytest.mark.parametrize("prompt", [False, True], ids=["whole", "prompt"])
def test_ordinary_templates_are_rendered_as_transformers_does(name: str, prompt: bool) -> None:
    tokenizer = templated(ORDINARY[name])
    tools = [{"type": "function", "function": {"name": "look", "parameters": {"a": "é<b>"}}}]
    thoughtful = {**TALK[3], "reasoning_content": "so"}
    for talk in (list(TALK), [*TALK[:3], thoughtful], [*SYSTEM, *TALK]):
        try:
            expected = tokenizer.apply_chat_template(
                talk, tools=tools, add_generation_prompt=prompt, tokenize=False
            )
        except Exception as error:  # noqa: BLE001 - whatever it is, ours refuses, too
            with pytest.raises(TemplateError, match=re.escape(str(error))):
                ChatTemplate(tokenizer).text(talk, tools, prompt=prompt)
        else:
            assert ChatTemplate(tokenizer).text(talk, tools, prompt=prompt) == expected


@pytest.mark.usefixtures("impatient")
def test_a_template_that_takes_too_much_is_given_up() -> None:
    template = ChatTemplate(templated(TOO_MUCH["a loop"]))
    before = time.monotonic()
    for _ in range(1000):
        with pytest.raises(TemplateError, match="runs for more than"):
            template.text(list(TALK[:2]), prompt=True)
    assert time.monotonic() - before < 30


def test_long_conversations_are_not_refused() -> None:
    talk = [*TALK] * 1250
    for name in ("chatml", "qwen3", "mistral-v3"):
        template = ChatTemplate(tokenizer_of(name))
        assert len(template.text(talk, prompt=True)) > 90_000
    long = [{"role": "user", "content": "hello there " * 4_000_000}]
    template = ChatTemplate(tokenizer_of("chatml"))
    assert len(template.text(long, prompt=True)) > 48_000_000


def test_threads_get_their_own_answers() -> None:
    found: dict[int, list[str]] = {}

    def work(number: int) -> None:
        found[number] = [render("{{ n }}", {"n": number}) for _ in range(50)]

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {n: [str(n)] * 50 for n in range(4)}


@pytest.fixture
def own() -> Iterator[sandbox.Renderer]:
    renderer = sandbox.Renderer()
    yield renderer
    renderer.end()


def test_one_process_renders_until_it_is_no_more(own: sandbox.Renderer) -> None:
    assert [own.ask("{{ 1 }}", {}), own.ask("{{ 2 }}", {})] == ["1", "2"]
    first = own._process
    assert first is not None
    first.kill()
    first.wait()
    assert own.ask("{{ 3 }}", {}) == "3"
    assert own._process is not first


def test_a_template_whose_process_dies_is_refused(own: sandbox.Renderer) -> None:
    own.ask("", {})
    assert own._process is not None
    timer = threading.Timer(0.2, os.kill, (own._process.pid, signal.SIGSEGV))
    timer.start()
    with pytest.raises(sandbox.TooMuchError, match=r"ended the process that renders it \(-11\)"):
        own.ask(TOO_MUCH["a loop"], {})
    timer.join()


def test_ctrl_c_ends_the_rendering_and_the_next_one_has_its_own_text(own: sandbox.Renderer) -> None:
    own.ask("", {})
    assert own._process is not None
    assert os.getpgid(own._process.pid) != os.getpgid(0)  # a terminal sends it to a whole group
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        own.ask(TOO_MUCH["a loop"], {})
    timer.join()
    assert own._process is None
    assert own.ask("{{ 1 }}", {}) == "1"


def test_it_ends_with_the_program_however_that_ends() -> None:
    code = (
        "import os; from shadow_mlx.data.chat import sandbox; sandbox.render('', {});"
        "print(sandbox._RENDERER._process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    deadline = time.monotonic() + 10
    while memory_of(int(said.stdout)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert memory_of(int(said.stdout)) == 0
