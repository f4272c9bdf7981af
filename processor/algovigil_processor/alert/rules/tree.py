"""The tree of an alert condition, and its one way to be written.

Nodes say what a condition means and nothing of where it stood: `at`, the character at
which a node began, serves messages and takes no part in equality.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

if TYPE_CHECKING:
    from algovigil_processor.alert.rules.functions import Function
    from algovigil_processor.alert.rules.metrics import Cut

Operator: TypeAlias = Literal[">", ">=", "<", "<=", "==", "!="]
Sign: TypeAlias = Literal["+", "-", "*", "/"]
Unit: TypeAlias = Literal["", "ms", "s", "%"]


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number as written; its unit is folded in by `check`."""

    value: float
    unit: Unit = ""
    at: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class MetricRef:
    """A metric of `METRICS`, of every subject that the selector lets through.

    `over` and `offset` are seconds; 0 is the window that the metric has by itself, and
    now. `by` divides a version's calls.
    """

    name: str
    selector: tuple[tuple[str, str], ...] = ()
    by: Cut = ""
    over: int = 0
    offset: int = 0
    at: int = field(default=0, compare=False, repr=False)

    @property
    def cut(self) -> Cut:
        """What the metric's calls are divided by, in words or by a selector."""
        for label, _ in self.selector:
            if label in ("site", "subgroup"):
                return label  # type: ignore[return-value] # the two are cuts
        return self.by


@dataclass(frozen=True, slots=True)
class Call:
    """A function of `FUNCTIONS` over a metric."""

    function: Function
    of: MetricRef
    argument: Number | None = None
    at: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Absent:
    """True where the metric was not seen in its window."""

    of: MetricRef
    at: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """Unary minus."""

    of: Expr
    at: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two numbers made one."""

    sign: Sign
    left: Expr
    right: Expr
    at: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two numbers made true, false or unknown."""

    operator: Operator
    left: Expr
    right: Expr
    at: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Not:
    """Negation; unknown stays unknown."""

    of: Expr
    at: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Every:
    """All of the terms: `and`."""

    terms: tuple[Expr, ...]
    at: int = field(default=0, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Some:
    """Any of the terms: `or`."""

    terms: tuple[Expr, ...]
    at: int = field(default=0, compare=False, repr=False)


Term: TypeAlias = MetricRef | Call | Absent
Expr: TypeAlias = (
    Number | Term | Negative | Arithmetic | Comparison | Not | Every | Some
)
TERMS: Final = (MetricRef, Call, Absent)
BOOLEAN: Final = (Absent, Comparison, Not, Every, Some)


def children(expr: Expr) -> tuple[Expr, ...]:
    """Return the operands of *expr*, left to right."""
    match expr:
        case Number() | MetricRef():
            return ()
        case Negative(of) | Not(of) | Call(_, of) | Absent(of):
            return (of,)
        case Arithmetic(_, left, right) | Comparison(_, left, right):
            return (left, right)
        case Every(terms) | Some(terms):
            return terms


def metrics(expr: Expr) -> tuple[MetricRef, ...]:
    """Return every metric that *expr* names, in the order of the text."""
    if isinstance(expr, MetricRef):
        return (expr,)
    return tuple(ref for child in children(expr) for ref in metrics(child))


def terms(expr: Expr) -> tuple[Term, ...]:
    """Return what *expr* reads, functions whole, in the order of the text."""
    if isinstance(expr, TERMS):
        return (expr,)
    return tuple(term for child in children(expr) for term in terms(child))


def unselected(expr: Expr) -> Expr:
    """Return *expr* without selectors: closed words and numbers, no text."""
    match expr:
        case Number():
            return expr
        case MetricRef():
            return replace(expr, selector=(), by=expr.cut)
        case Call(_, of) | Absent(of):
            return replace(expr, of=replace(of, selector=(), by=of.cut))
        case Negative(of) | Not(of):
            return replace(expr, of=unselected(of))
        case Arithmetic(_, left, right) | Comparison(_, left, right):
            return replace(expr, left=unselected(left), right=unselected(right))
        case Every(terms) | Some(terms):
            return replace(expr, terms=tuple(map(unselected, terms)))


_BINDS: Final = {Some: 1, Every: 2, Not: 3, Comparison: 4, Negative: 7}
_SUM_BINDS: Final = 5
_PRODUCT_BINDS: Final = 6
_ATOM_BINDS: Final = 8


def _binds(expr: Expr) -> int:
    if isinstance(expr, Arithmetic):
        return _SUM_BINDS if expr.sign in "+-" else _PRODUCT_BINDS
    return _BINDS.get(type(expr), _ATOM_BINDS)


def _wrapped(expr: Expr, least: int) -> str:
    text = render(expr)
    return text if _binds(expr) >= least else f"({text})"


def _labels(selector: tuple[tuple[str, str], ...]) -> str:
    def quoted(name: str) -> str:
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'

    inner = ", ".join(f"{label}={quoted(name)}" for label, name in selector)
    return f"{{{inner}}}" if inner else ""


_SPANS: Final = ((604_800, "w"), (86_400, "d"), (3600, "h"), (60, "m"), (1, "s"))


def span(seconds: int) -> str:
    """Write *seconds* in the largest unit that fits: `90m`, `1d`."""
    size, unit = next(s for s in _SPANS if seconds % s[0] == 0)
    return f"{seconds // size}{unit}"


def _ref(ref: MetricRef) -> str:
    parts = [ref.name + _labels(ref.selector)]
    if ref.by:
        parts.append(f"by {ref.by}")
    if ref.over:
        parts.append(f"over {span(ref.over)}")
    if ref.offset:
        parts.append(f"offset {span(ref.offset)}")
    return " ".join(parts)


def render(expr: Expr) -> str:
    """Write *expr* as text that `parse` reads back as the same tree."""
    match expr:
        case Number(value, unit):
            digits = str(int(value)) if value.is_integer() and value < 1e15 else None
            return f"{digits or repr(value)}{unit}"
        case MetricRef():
            return _ref(expr)
        case Call(function, of, argument):
            more = "" if argument is None else f", {render(argument)}"
            return f"{function}({_ref(of)}{more})"
        case Absent(of):
            return f"absent({_ref(of)})"
        case Negative(of):
            return "-" + _wrapped(of, _BINDS[Negative])
        case Not(of):
            return "not " + _wrapped(of, _BINDS[Not])
        case Arithmetic(sign, left, right) | Comparison(sign, left, right):
            own = _binds(expr)
            # a comparison takes sums on both sides; a chain of signs leans left
            least = _SUM_BINDS if isinstance(expr, Comparison) else own
            step = 0 if isinstance(expr, Comparison) else 1
            return f"{_wrapped(left, least)} {sign} {_wrapped(right, least + step)}"
        case Every(terms):
            return " and ".join(_wrapped(term, _BINDS[Not]) for term in terms)
        case Some(terms):
            return " or ".join(_wrapped(term, _BINDS[Every]) for term in terms)
