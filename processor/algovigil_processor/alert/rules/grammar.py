"""The language of alert conditions: text to a frozen tree, and back.

    or      := and ("or" and)*            and  := not ("and" not)*
    not     := "not" not | compare        compare := sum (("<"|">"|...) sum)?
    sum     := product (("+"|"-") product)*
    product := unary (("*"|"/") unary)*   unary := "-" unary | atom
    atom    := number unit? | ref | call | "(" or ")"
    call    := function "(" ref ("," number unit?)? ")"
    ref     := metric selector? ("by" cut)? ("over" span)? ("offset" span)?
    unit    := "ms" | "s" | "%"           selector := "{" label "=" string, ... "}"
    span    := number ("s"|"m"|"h"|"d"|"w")       cut := "site" | "subgroup"

Any text parses or raises `RuleSyntaxError` with a position, and
`parse(render(tree)) == tree`: what is stored and shown is what was judged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from algovigil.errors import explain, nearest
from algovigil_processor.alert.rules.functions import ABSENT, FUNCTIONS
from algovigil_processor.alert.rules.metrics import METRICS
from algovigil_processor.alert.rules.tree import (
    BOOLEAN,
    Absent,
    Arithmetic,
    Call,
    Comparison,
    Every,
    Expr,
    MetricRef,
    Negative,
    Not,
    Number,
    Some,
    children,
    metrics,
)
from algovigil_processor.errors import ProcessorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from algovigil_processor.alert.rules.functions import Function
    from algovigil_processor.alert.rules.metrics import Cut
    from algovigil_processor.alert.rules.tree import Operator, Sign, Unit

MAX_CHARACTERS: Final = 2000
MAX_DEPTH: Final = 20
MAX_SPAN: Final = 35 * 86_400
MAX_TERMS: Final = 128
LABELS: Final = ("model", "version", "site", "subgroup")
_CUTS: Final = ("site", "subgroup")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class RuleSyntaxError(ProcessorError):
    """A condition that cannot be read; `position` counts characters from 0."""

    def __init__(
        self, position: int, found: str, expected: str, hint: str = ""
    ) -> None:
        super().__init__(
            explain(f"{found} at character {position + 1}", expected, hint)
        )
        self.position = position
        self.found = found
        self.expected = expected
        self.hint = hint


_TOKEN: Final = re.compile(
    r"""[ \t\r\n]*(?:
      (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<string>"(?:[^"\\\x00-\x1f]|\\["\\])*")
    | (?P<mark>>=|<=|==|!=|&&|\|\||<>|[-+*/()<>{},=%!\[\]])
    )""",
    re.VERBOSE,
)
_SPACE: Final = re.compile(r"[ \t\r\n]*")
_COMPARE: Final = ("<", "<=", ">", ">=", "==", "!=")
_HINTS: Final = {
    "=": "write `==` for equality",
    "<>": "write `!=`",
    "&&": "write `and`",
    "||": "write `or`",
    "!": "write `not`",
    "m": "units are ms, s and %; a window is written `over 5m`",
    "[": "write `over 5m` for a window",
}


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    at: int


def _tokens(text: str) -> list[_Token]:
    tokens = []
    at = 0
    while (match := _TOKEN.match(text, at)) is not None:
        kind = match.lastgroup or ""
        tokens.append(_Token(kind, match[kind], match.start(kind)))
        at = match.end()
    space = _SPACE.match(text, at)
    at = space.end() if space else at
    if at < len(text):
        raise RuleSyntaxError(
            at, f"character U+{ord(text[at]):04X}", "a metric, number or operator"
        )
    return [*tokens, _Token("end", "the end", at)]


class _Parser:
    """Recursive descent with one token of look-ahead."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._next = 0
        self._depth = 0

    def condition(self) -> Expr:
        expr = self._boolean(self._or())
        if self._peek.kind != "end":
            raise self._unexpected("an operator or the end")
        return expr

    @property
    def _peek(self) -> _Token:
        return self._tokens[self._next]

    def _take(self) -> _Token:
        token = self._peek
        self._next += 1
        return token

    def _at(self, *texts: str) -> bool:
        return self._peek.kind in ("mark", "word") and self._peek.text in texts

    def _expect(self, text: str) -> None:
        if not self._at(text):
            raise self._unexpected(f"`{text}`")
        self._next += 1

    def _unexpected(self, expected: str) -> RuleSyntaxError:
        token = self._peek
        found = token.text if token.kind == "end" else f"`{token.text[:40]}`"
        hint = _HINTS.get(token.text, "")
        if token.kind == "word" and token.text.lower() in ("and", "or", "not"):
            hint = f"write `{token.text.lower()}`"
        return RuleSyntaxError(token.at, found, expected, hint)

    def _boolean(self, expr: Expr) -> Expr:
        if not isinstance(expr, BOOLEAN):
            if self._peek.text in _HINTS:
                raise self._unexpected("a comparison")
            raise RuleSyntaxError(
                expr.at, "a number", "a comparison", "compare it: `error_rate > 0.05`"
            )
        return expr

    def _numeric(self, expr: Expr) -> Expr:
        if isinstance(expr, BOOLEAN):
            raise RuleSyntaxError(
                expr.at, "a comparison", "a number", "join comparisons with `and`"
            )
        return expr

    def _joined(self, word: str, term: Callable[[], Expr]) -> list[Expr]:
        terms = [term()]
        while self._at(word):
            self._next += 1
            self._boolean(terms[-1])
            terms.append(self._boolean(term()))
        return terms

    def _or(self) -> Expr:
        terms = self._joined("or", self._and)
        return terms[0] if len(terms) == 1 else Some(tuple(terms), terms[0].at)

    def _and(self) -> Expr:
        terms = self._joined("and", self._not)
        return terms[0] if len(terms) == 1 else Every(tuple(terms), terms[0].at)

    def _not(self) -> Expr:
        if not self._at("not"):
            return self._compare()
        at = self._take().at
        self._deeper(at)
        expr = Not(self._boolean(self._not()), at)
        self._depth -= 1
        return expr

    def _compare(self) -> Expr:
        left = self._sum()
        if not self._at(*_COMPARE):
            return left
        self._numeric(left)
        operator = cast("Operator", self._take().text)
        right = self._numeric(self._sum())
        if self._at(*_COMPARE):
            raise RuleSyntaxError(
                self._peek.at, "a second comparison", "one", "join them with `and`"
            )
        return Comparison(operator, left, right, left.at)

    def _chain(self, signs: tuple[str, ...], term: Callable[[], Expr]) -> Expr:
        expr = term()
        while self._at(*signs):
            self._numeric(expr)
            sign = cast("Sign", self._take().text)
            expr = Arithmetic(sign, expr, self._numeric(term()), expr.at)
        return expr

    def _sum(self) -> Expr:
        return self._chain(("+", "-"), self._product)

    def _product(self) -> Expr:
        return self._chain(("*", "/"), self._unary)

    def _unary(self) -> Expr:
        if not self._at("-"):
            return self._atom()
        at = self._take().at
        self._deeper(at)
        expr = Negative(self._numeric(self._unary()), at)
        self._depth -= 1
        return expr

    def _deeper(self, at: int) -> None:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise _too_deep(at)

    def _atom(self) -> Expr:
        token = self._peek
        if token.kind == "number":
            return self._number()
        if self._at("("):
            self._next += 1
            self._deeper(token.at)
            expr = self._or()
            self._expect(")")
            self._depth -= 1
            return expr
        if token.text in FUNCTIONS or token.text == ABSENT:
            return self._call()
        if token.kind == "word" and token.text.lower() not in ("and", "or", "not"):
            return self._metric()
        raise self._unexpected("a metric, a number or `(`")

    def _number(self) -> Number:
        token = self._take()
        value = float(token.text)
        if value == float("inf"):
            raise RuleSyntaxError(token.at, "a number too large", "a finite number")
        unit: Unit = ""
        if self._at("ms", "s", "%"):
            unit = cast("Unit", self._take().text)
        return Number(value, unit, token.at)

    def _call(self) -> Expr:
        token = self._take()
        self._expect("(")
        if self._peek.kind != "word":
            raise self._unexpected(f"a metric: `{token.text}(error_rate over 5m)`")
        of = self._metric()
        if token.text == ABSENT:
            self._expect(")")
            return Absent(of, token.at)
        function = cast("Function", token.text)
        argument = None
        if FUNCTIONS[function].has_argument:
            self._expect(",")
            if self._peek.kind != "number":
                raise self._unexpected("a number")
            argument = self._number()
        self._expect(")")
        return Call(function, of, argument, token.at)

    def _metric(self) -> MetricRef:
        token = self._take()
        if token.text not in METRICS:
            known = (*METRICS, *FUNCTIONS, ABSENT)
            raise RuleSyntaxError(
                token.at,
                f"unknown metric `{token.text[:40]}`",
                "one of " + ", ".join(METRICS),
                nearest(token.text, known),
            )
        selector = self._selector()
        by: Cut = ""
        if self._at("by"):
            self._next += 1
            if not self._at(*_CUTS):
                raise self._unexpected(" or ".join(_CUTS))
            by = cast("Cut", self._take().text)
        over = self._span("over")
        return MetricRef(token.text, selector, by, over, self._span("offset"), token.at)

    def _span(self, word: str) -> int:
        if not self._at(word):
            return 0
        self._next += 1
        token = self._peek
        if token.kind != "number":
            raise self._unexpected("a time such as `5m` or `7d`")
        self._next += 1
        if not self._at(*_SECONDS):
            raise self._unexpected("a unit of time: " + ", ".join(_SECONDS))
        seconds = float(token.text) * _SECONDS[self._take().text]
        if not (1 <= seconds <= MAX_SPAN and seconds.is_integer()):
            raise RuleSyntaxError(
                token.at, f"a time of {seconds:g} s", "whole seconds, 1 s to 35 days"
            )
        return int(seconds)

    def _selector(self) -> tuple[tuple[str, str], ...]:
        if not self._at("{"):
            return ()
        self._next += 1
        labels: dict[str, str] = {}
        while not self._at("}"):
            if labels:
                self._expect(",")
            name = self._peek
            if name.text not in LABELS or name.text in labels:
                raise self._unexpected("a label not yet given: " + " or ".join(LABELS))
            self._next += 1
            self._expect("=")
            if self._peek.kind != "string":
                raise self._unexpected('a name in quotes: {model="chest-xray"}')
            labels[name.text] = re.sub(r"\\(.)", r"\1", self._take().text[1:-1])
        self._next += 1
        return tuple(sorted(labels.items()))


def _too_deep(at: int) -> RuleSyntaxError:
    return RuleSyntaxError(
        at, "a condition nested too deep", f"at most {MAX_DEPTH} levels", "split it"
    )


def _check_depth(expr: Expr, level: int = 1) -> None:
    if level > MAX_DEPTH:
        raise _too_deep(expr.at)
    for child in children(expr):
        _check_depth(child, level + 1)


def parse(text: str) -> Expr:
    """Read a condition.

    Raises:
        RuleSyntaxError: the text is not a condition; says where, and what to write.
    """
    if len(text) > MAX_CHARACTERS:
        raise RuleSyntaxError(
            MAX_CHARACTERS,
            f"a condition of {len(text)} characters",
            f"at most {MAX_CHARACTERS}",
        )
    expr = _Parser(text).condition()
    _check_depth(expr)
    if len(refs := metrics(expr)) > MAX_TERMS:
        raise RuleSyntaxError(
            refs[MAX_TERMS].at,
            f"a condition of {len(refs)} metrics",
            f"at most {MAX_TERMS}",
            "split it",
        )
    return expr
