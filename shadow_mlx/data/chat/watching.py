"""Puts looks at the budget into a template's syntax tree, where jinja calls nothing of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jinja2 import nodes, pass_eval_context
from jinja2.nodes import EvalContext, Node
from jinja2.runtime import markup_join, str_join
from jinja2.visitor import NodeTransformer

from shadow_mlx.data.chat.budget import CURRENT, PLAIN, Budget

MOST_ADDENDS = 8
"""Values that one sum may add before it is looked at."""


class Steps:
    """What a loop goes through, the time looked at before each step; as long as the items."""

    def __init__(self, items: Any, budget: Budget) -> None:
        self._items = items
        self._budget = budget

    def __iter__(self) -> Iterator[Any]:
        return self._budget.steps(self._items)

    def __len__(self) -> int:
        return len(self._items)  # raises where the items have no length, as without this class


def _steps(items: Any) -> Steps:
    return Steps(items, CURRENT.get())


def weighed(value: Any) -> Any:
    """The value itself, once it is known not to be endless as text."""
    if type(value) not in PLAIN:
        CURRENT.get().weigh(value)
    return value


@pass_eval_context
def _joined(context: EvalContext, values: tuple[Any, ...]) -> str:
    budget = CURRENT.get()
    budget.afford(
        sum(
            len(v) if type(v) is str else 8 if type(v) in PLAIN else budget.weigh(v) for v in values
        )
    )
    join = markup_join if context.autoescape else str_join
    return str(budget.made(join(values))) if join is str_join else budget.made(join(values))


def _made(value: Any) -> Any:
    return CURRENT.get().made(value)


FILTERS: dict[str, Callable[..., Any]] = {
    "_steps": _steps,
    "_weighed": weighed,
    "_joined": _joined,
    "_made": _made,
}
"""Filters that the rewritten tree calls."""


class Watching(NodeTransformer):
    """Rewrites a template: the same text comes out of it, under :data:`CURRENT`'s bounds."""

    def __init__(self) -> None:
        self._in_sum = False

    def visit(self, node: Node, *args: Any, **kwargs: Any) -> Any:
        """Rewrite a node and what is in it."""
        if isinstance(node, nodes.Add):
            return self._sum(node)
        outer, self._in_sum = self._in_sum, False
        try:
            return super().visit(node, *args, **kwargs)
        finally:
            self._in_sum = outer

    def _sum(self, node: nodes.Add) -> nodes.Expr:
        outer, self._in_sum = self._in_sum, True
        node.left, node.right = self.visit(node.left), self.visit(node.right)
        self._in_sum = outer
        whole = not outer or _addends(node) >= MOST_ADDENDS
        return _through("_made", node) if whole else node

    def visit_For(self, node: nodes.For) -> nodes.For:  # noqa: N802 - the name is jinja's
        """Every step of a loop."""
        self.generic_visit(node)
        node.iter = _through("_steps", node.iter)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Expr:  # noqa: N802 - jinja's
        """``a ~ b``."""
        self.generic_visit(node)
        return _through("_joined", nodes.Tuple(node.nodes, "load", lineno=node.lineno))

    def visit_Compare(self, node: nodes.Compare) -> nodes.Compare:  # noqa: N802 - jinja's
        """Nested lists are compared entry by entry, unless one side is written out."""
        self.generic_visit(node)
        if not any(map(_literal, (node.expr, *(one.expr for one in node.ops)))):
            node.expr = _through("_weighed", node.expr)
            for operand in node.ops:
                operand.expr = _through("_weighed", operand.expr)
        return node

    def visit_Pair(self, node: nodes.Pair) -> nodes.Pair:  # noqa: N802 - jinja's
        """A key is hashed, with all that is in it."""
        self.generic_visit(node)
        if not _literal(node.key):
            node.key = _through("_weighed", node.key)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Getitem:  # noqa: N802 - jinja's
        """So is what is looked up."""
        self.generic_visit(node)
        if isinstance(node.arg, nodes.Name | nodes.Tuple | nodes.CondExpr):
            node.arg = _through("_weighed", node.arg)
        return node


def _through(name: str, node: Node) -> nodes.Filter:
    assert isinstance(node, nodes.Expr)
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


def _addends(node: Node) -> int:
    if isinstance(node, nodes.Add):
        return _addends(node.left) + _addends(node.right)
    return 0 if isinstance(node, nodes.Const) else 1


def _literal(node: Node) -> bool:
    """Whether the tree tells that the value is flat."""
    if isinstance(node, nodes.List | nodes.Tuple):
        return all(map(_literal, node.items))
    return isinstance(node, nodes.Const | nodes.Compare | nodes.Test | nodes.Not)
