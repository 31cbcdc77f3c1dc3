"""Templates at random, of operations that can make much out of little; most of them too much."""

from __future__ import annotations

from random import Random

_START = (
    "{% set s = 'abc\\n\\t' %}{% set big = 'ab \\n' * 200000 %}{% set l = [1, 2, [2]] %}"
    "{% set ns = namespace(l=[1, 2], s='ab', i=3) %}"
)

# T stands for a text, N for a number, L for a list, A for any of them
_SHAPES = {
    "T": (
        *("s", "big", "ns.s", "'a b\\tc'", "(T + T)", "(T ~ A)", "(T * N)", "'%*d' % (N, 3)"),
        *("('%s%s' % (A, A))", "('%(a)s%(a)r' % {'a': A})", "T.replace(T, T)", "T.zfill(N)"),
        *("(T|replace(T, T))", "T.join(L|map('string'))", "(L|join(T))", "(T|center(N))"),
        *("T.expandtabs(N)", "(T|indent(N, true))", "(T|indent(T))", "(A|tojson(indent=N))"),
        *("(T|wordwrap(N, wrapstring=T))", "(A|pprint)", "'{0}{0}'.format(A)", "(A|string)"),
        *("'{:>{}}'.format(T, N)", "T.translate({97: T})", "T.encode().ljust(N).decode()"),
    ),
    "N": (
        *("0", "7", "-2", "10**9", "99999", "ns.i", "(N * N)", "(N ** N)", "(N % N)", "(N // N)"),
        *("(T|length)", "(T|int(1, 16))", "(N|round(N)|int)", "(L|map('length')|sum)"),
        *("(1 if L == L else 2)", "(1 if A in L else 2)"),
    ),
    "L": (
        *("l", "ns.l", "range(9999)|list", "messages", "[ns.l, ns.l]", "[A, A]", "(L + L)"),
        *("(L * N)", "(L|map('center', N)|list)", "(L|sort)", "(L|unique|list)", "T.split(T)"),
        *("(L|batch(N, A)|list)", "(L|slice(N)|list)", "(L|sum(start=[]))", "(T|list)"),
        *("(dict(a=A)|dictsort)", "(L|select('eq', A)|list)", "({'a': A}.items()|list)"),
    ),
}

_STATEMENTS = (
    "{{ A }}",
    "{% for i in range(40) %}{% set ns.s = T %}{% set ns.l = L %}{% set ns.i = N %}{% endfor %}",
    "{% for i in L %}{% set ns.s = T %}{{ i }}{% endfor %}",
    "{% macro m(n) %}{% if n %}{% set x = T %}{{ m(n - 1) }}{{ x }}{% endif %}{% endmacro %}"
    "{{ m(30) }}",
)


def random_template(seed: int) -> str:
    """The template of a seed."""
    random = Random(seed)
    return _START + "".join(_filled(random, random.choice(_STATEMENTS), 4) for _ in range(2))


def _filled(random: Random, shape: str, depth: int) -> str:
    return "".join(_part(random, sign, depth) if sign in "TNLA" else sign for sign in shape)


def _part(random: Random, sign: str, depth: int) -> str:
    kind = random.choice("TTNL") if sign == "A" else sign
    shapes = _SHAPES[kind]
    return _filled(random, random.choice(shapes if depth else shapes[:4]), max(0, depth - 1))
