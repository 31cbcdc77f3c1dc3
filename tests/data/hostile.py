"""Chat templates that would run for ever, or build gigabytes, each in a way of its own."""

_DAG = (
    "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}"
    "{% endfor %}"
)
_SAME = _DAG + _DAG.replace("ns", "other")
_MUCH = "{% set s = 'abcdefgh' * 200000 %}"
_KEPT = "{% set ns = namespace(x=[]) %}{% for i in range(90000) %}"

HOSTILE = {
    # time
    "nested loops": (
        "{% for a in range(100000) %}{% for b in range(100000) %}{% for c in range(100000) %}"
        "{% endfor %}{% endfor %}{% endfor %}"
    ),
    "a loop that writes nothing": (
        "{% set ns = namespace(n=0) %}{% for a in range(99999) %}{% for b in range(99999) %}"
        "{% set ns.n = ns.n + 1 %}{% endfor %}{% endfor %}"
    ),
    "a loop through a filter": (
        "{% for a in range(99999) if a is odd %}{% for b in range(99999)|select('even') %}"
        "{% endfor %}{% endfor %}"
    ),
    "a loop that asks for its length": (
        "{% for a in range(99999) %}{% for b in range(99999)|map('string') %}{{ loop.length }}"
        "{% endfor %}{% endfor %}"
    ),
    "a macro that calls itself twice": (
        "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(90) }}"
    ),
    "a macro with a caller": (
        "{% macro f(n) %}{{ caller() }}{% if n %}{% call f(n - 1) %}{% endcall %}"
        "{% call f(n - 1) %}{% endcall %}{% endif %}{% endmacro %}{% call f(90) %}{% endcall %}"
    ),
    "a recursive loop": (
        "{% for x in [1, 2] recursive %}{% if loop.depth < 90 %}{{ loop([1, 2]) }}{% endif %}"
        "{% endfor %}"
    ),
    "a lazy filter over a lazy filter": (
        "{% for a in range(99999) %}{{ range(99999)|map('string')|select|list|length }}{% endfor %}"
    ),
    "very many slices": "{{ range(9)|slice(1000000000)|list|length }}",
    "wordwrap": _MUCH + "{{ s|wordwrap(1)|length }}",
    "sums of lists": "{{ (range(99999)|batch(1)|list)|sum(start=[])|length }}",
    "a long list looked for in itself": ("{{ range(99999)|select('eq', range(99999)|list)|list }}"),
    "a long list sorted by nothing found": (
        "{% for a in range(99999) %}{{ range(99999)|map(attribute='b')|select('eq', [a])|list }}"
        "{% endfor %}"
    ),
    # size
    "doubling with a tilde": (
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}"
        "{% endfor %}{{ ns.x }}"
    ),
    "doubling with a plus": (
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}"
        "{% endfor %}{{ ns.x|length }}"
    ),
    "doubling a list": (
        "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}"
        "{% endfor %}"
    ),
    "doubling with a block": (
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set x %}{{ ns.x }}{{ ns.x }}"
        "{% endset %}{% set ns.x = x %}{% endfor %}"
    ),
    "doubling with format": (
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}"
        "{% set ns.x = '{0}{0}'.format(ns.x) %}{% endfor %}"
    ),
    "doubling with a filter": (
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}"
        "{% set ns.x = '%s%s'|format(ns.x, ns.x) %}{% endfor %}"
    ),
    "doubling with replace": (
        "{% set ns = namespace(x='a') %}{% for i in range(60) %}"
        "{% set ns.x = ns.x.replace('a', ns.x) %}{% set ns.x = ns.x ~ 'a' %}{% endfor %}"
    ),
    "doubling with a join": (
        "{% set ns = namespace(x='ab') %}{% for i in range(60) %}"
        "{% set ns.x = [ns.x, ns.x]|join(ns.x) %}{% endfor %}"
    ),
    "many terms": "{% set s = 'a' * 1900000 %}{{ (" + " + ".join(["s"] * 200) + ")|length }}",
    "many operands": "{% set s = 'a' * 1900000 %}{{ (" + " ~ ".join(["s"] * 5000) + ")|length }}",
    "a long text": "{{ 'a' * 10**10 }}",
    "a long text, turned round": "{{ (10**10 * 'a')|length }}",
    "a long list": "{{ ([0] * 10**10)|length }}",
    "a long tuple": "{{ ((1, 2) * 10**10)|length }}",
    "center": "{{ 'a'|center(1000000000) }}",
    "center by map": "{{ ['a']|map('center', 1000000000)|join }}",
    "str.center": "{{ 'a'.center(1000000000) }}",
    "str.ljust": "{{ 'a'.ljust(1000000000) }}",
    "str.rjust": "{{ 'a'['rjust'](1000000000) }}",
    "str.zfill": "{{ ('a'|attr('zfill'))(10 * 10**9) }}",
    "str.expandtabs": "{{ '\t'.expandtabs(1000000000)|length }}",
    "str.replace": _MUCH + "{{ s.replace('', s)|length }}",
    "str.join": _MUCH + "{{ s.join(s)|length }}",
    "str.translate": _MUCH + "{{ s.translate({97: s})|length }}",
    "bytes.ljust": "{{ 'a'.encode().ljust(10000000000)|length }}",
    "int.to_bytes": "{{ (1).to_bytes(10000000000, 'big')|length }}",
    "replace": _MUCH + "{{ s|replace('a', s)|length }}",
    "join": _MUCH + "{{ range(90000)|join(s) }}",
    "join of generated items": _MUCH + "{{ range(90000)|map('string')|join(s) }}",
    "indent": "{{ 'a\n'|indent(1000000000, true) }}",
    "indent by a text": _MUCH + "{{ s|replace('a', '\n')|indent(s)|length }}",
    "json with an indent": "{{ [[1]]|tojson(indent=1000000000) }}",
    "json with separators": _MUCH + "{{ (range(90000)|list)|tojson(separators=(s, s)) }}",
    "percent with a width": "{{ '%1000000000d' % 1 }}",
    "percent with a star": "{{ '%*d' % (1000000000, 1) }}",
    "percent with a precision": "{{ '%.1000000000f' % 1.5 }}",
    "percent by name": _MUCH + "{{ ('%(a)s' * 100000) % {'a': s} }}",
    "format with a width": "{{ '{:1000000000}'.format(1) }}",
    "format with a nested width": "{{ '{:{}}'.format(1, 10**9) }}",
    "format_map": "{{ '{a:1000000000}'.format_map({'a': 1}) }}",
    "the format filter": "{{ '%1000000000s'|format('a') }}",
    "batch": "{{ [1]|batch(10**10, 0)|list|length }}",
    "lipsum": "{{ lipsum(10**7) }}",
    "an output in a loop": _MUCH + "{% for i in range(90000) %}{{ s }}{% endfor %}",
    "an output in a macro": (
        _MUCH + "{% macro f() %}{% for i in range(90000) %}{{ s }}{% endfor %}{% endmacro %}"
        "{{ f()|length }}"
    ),
    "marked output": (
        "{% for i in range(90000) %}{% generation %}{{ 'a' * 1900000 }}{% endgeneration %}"
        "{% endfor %}"
    ),
    "texts that are kept": _KEPT + "{% set ns.x = [ns.x, 'a' * 1900000] %}{% endfor %}",
    # numbers
    "a tower of powers": "{{ 9 ** (9 ** 9) }}",
    "a power that is asked for": "{% set n = 9 %}{{ (n ** (n ** n)) % 2 }}",
    "squares of squares": (
        "{% set ns = namespace(x=3) %}{% for i in range(60) %}{% set ns.x = ns.x * ns.x %}"
        "{% endfor %}"
    ),
    "round": "{{ 1.5|round(1000000000, 'ceil') }}",
    "a number out of digits": _MUCH
    + "{{ (s.replace('g', 'a').replace('h', 'a')|int(base=16)) % 7 }}",
    # nested values
    "nested lists as text": _DAG + "{{ ns.x }}",
    "nested lists joined to a text": _DAG + "{{ 'a' ~ ns.x }}",
    "nested lists as JSON": _DAG + "{{ ns.x|tojson }}",
    "nested lists in percent": _DAG + "{{ '%r' % (ns.x,) }}",
    "nested lists in format": _DAG + "{{ '{!r}'.format(ns.x) }}",
    "nested lists compared": _SAME + "{{ ns.x == other.x }}",
    "nested lists looked for": _SAME + "{{ ns.x in [other.x] }}",
    "nested lists tested": _SAME + "{{ ns.x is eq other.x }}",
    "nested lists sorted": _SAME + "{{ [ns.x, other.x]|sort|length }}",
    "nested tuples hashed": _DAG.replace("[ns.x, ns.x]", "(ns.x, ns.x)").replace("[1]", "(1,)")
    + "{{ {ns.x: 1}|length }}",
    "nested objects": (
        "{% set ns = namespace(x={}) %}{% for i in range(60) %}"
        "{% set ns.x = dict(a=ns.x, b=ns.x) %}{% endfor %}{{ ns.x.items() }}"
    ),
    "nested namespaces": (
        "{% set ns = namespace(x=1) %}{% for i in range(60) %}"
        "{% set ns.x = namespace(a=ns.x, b=ns.x) %}{% endfor %}{{ ns.x }}"
    ),
    # recursion
    "a macro without end": "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "a block without end": "{% block a %}{{ self.a() }}{% endblock %}",
    "a namespace in itself": "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
    "deep nesting": (
        "{% set ns = namespace(x=[]) %}{% for i in range(90000) %}{% set ns.x = [ns.x] %}"
        "{% endfor %}{{ ns.x }}"
    ),
    "a source without end": "{{ 'a' }}" * 200_000,
    "deep parentheses": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
    "deep lists": "{{ " + "[" * 500 + "1" + "]" * 500 + " }}",
    "many nested loops": "{% for a in 'a' %}" * 30 + "{% endfor %}" * 30,
}
"""What takes too much, by how."""

FAULTY = {
    "division by zero": "{{ 1 / 0 }}",
    "remainder by zero": "{{ messages|length % 0 }}",
    "divisible by zero": "{{ 1 is divisibleby 0 }}",
    "overflow": "{{ 10.0 ** 400 }}",
    "a range that is too long": "{% for i in range(10**9) %}{% endfor %}",
    "a number of many digits": "{{ 10 ** 5000 }}",
    "an endless reason": _MUCH + "{{ raise_exception(s) }}",
    "another file": "{% include 'other' %}",
}
"""What fails while it is rendered."""
