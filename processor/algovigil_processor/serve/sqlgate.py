"""The gate that every statement of a user passes before ClickHouse runs it.

ClickHouse's own parser says what a statement is; the gate runs nothing but what it
knows: kinds of statement, of syntax node, functions, tables. A read-only session is
necessary and not sufficient: scalar `file()` reads, `INTO OUTFILE` writes, `KILL` and
`SYSTEM` act. What `EXPLAIN AST` does not show (`* APPLY f`) is refused for that reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Final, TypeAlias

from algovigil.errors import explain
from algovigil_processor.serve.wire import Refused, refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Engine: TypeAlias = Callable[[str], str]
    """Runs a statement of ours, returns its text, raises `Refused`."""

DATABASE: Final = "otel"
MAX_BYTES: Final = 256 * 1024  # ClickHouse's own max_query_size

ROOTS: Final = frozenset(
    {
        "SelectWithUnionQuery",
        "Explain",
        "DescribeQuery",
        "ExistsTableQuery",
        "ExistsViewQuery",
        "ExistsDatabaseQuery",
        "ShowTables",
        "ShowColumns",
        "ShowIndexes",
        "ShowFunctions",
        "ShowSetting",
        "ShowCreateTableQuery",
        "ShowCreateViewQuery",
        "ShowCreateDatabaseQuery",
    }
)
_NODES: Final = frozenset(
    {
        "ArrayJoin",
        "Asterisk",
        "ColumnsExceptTransformer",
        "ColumnsListMatcher",
        "ColumnsRegexpMatcher",
        "ColumnsReplaceTransformer",
        "ColumnsReplaceTransformer::Replacement",
        "ColumnsTransformerList",
        "DataType",
        "ExpressionList",
        "Function",
        "Identifier",
        "InterpolateElement",
        "Literal",
        "OrderByElement",
        "QualifiedAsterisk",
        "QualifiedColumnsListMatcher",
        "QualifiedColumnsRegexpMatcher",
        "SampleRatio",
        "SelectIntersectExceptQuery",
        "SelectQuery",
        "SelectWithUnionQuery",
        "Subquery",
        "TableExpression",
        "TableIdentifier",
        "TableJoin",
        "TablesInSelectQuery",
        "TablesInSelectQueryElement",
        "WindowDefinition",
        "WindowListElement",
        "WithElement",
    }
)
TABLE_FUNCTIONS: Final = frozenset(
    {
        "generate_series",
        "generateseries",
        "numbers",
        "numbers_mt",
        "values",
        "view",
    }
)
SYSTEM_TABLES: Final = frozenset(
    {
        "aggregate_function_combinators",
        "columns",
        "data_skipping_indices",
        "data_type_families",
        "databases",
        "formats",
        "functions",
        "keywords",
        "numbers",
        "numbers_mt",
        "one",
        "parts",
        "parts_columns",
        "settings",
        "table_engines",
        "table_functions",
        "tables",
        "time_zones",
        "zeros",
        "zeros_mt",
    }
)
# The longer of two that end alike comes first.
_COMBINATORS: Final = (
    *("ArgMax", "ArgMin", "Array", "Distinct", "ForEach", "If", "Map", "Merge"),
    *("OrDefault", "OrNull", "Null", "Resample", "SimpleState", "State", "Tuple"),
)
# Words that stand before a parenthesis and call nothing.
_KEYWORDS: Final = frozenset(
    {
        *("ALL", "AND", "AS", "ASC", "BETWEEN", "BY", "COLUMNS", "CUBE", "DESC"),
        *("DISTINCT", "ELSE", "EXCEPT", "EXPLAIN", "FROM", "HAVING", "IN"),
        *("INTERPOLATE", "INTERSECT", "JOIN", "LIKE", "LIMIT", "NOT", "OFFSET"),
        *("ON", "OR", "OVER", "PIPELINE", "PREWHERE", "QUALIFY", "REPLACE"),
        *("ROLLUP", "SELECT", "SETS", "SYNTAX", "TABLE", "THEN", "TREE", "UNION"),
        *("USING", "WHEN", "WHERE", "WITH"),
    }
)
# `default` is an overlay on the file system: its tables are files
_CLOSED_DATABASES: Final = frozenset({"default", "system"})

_LINE: Final = re.compile(r"( *)([A-Z][\w:]*)(?: (.*))?")
_QUOTED: Final = re.compile(r"'(?:[^'\\]|\\.)*'|`(?:[^`\\]|\\.)*`", re.DOTALL)
_ESCAPED_QUOTE: Final = re.compile(r"\\[\\`']")
_SCOPE: Final = re.compile(r":? In scope SELECT formatQuery\(.*\)\. \(", re.DOTALL)
_CALL: Final = re.compile(r"([A-Za-z_]\w*|`(?:[^`\\]|\\.)*`)\s*\(")
_PLACEHOLDER: Final = re.compile(r"\{\s*\w+\s*:[^{}]*\}")
_FORMAT: Final = re.compile(r"\sFORMAT (\w+)\s*\Z")
_NAME_PARAMETER: Final = re.compile(r"\{\s*(\w+)\s*:\s*Identifier\s*\}")


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that may run: the formatted text, and its FORMAT clause or ''."""

    text: str
    output_format: str


@dataclass(slots=True)
class _Node:
    kind: str
    name: str
    children: int  # as the dump states it
    seen: int = 0
    plain: list[str] = field(default_factory=list)  # names of Identifier children


def admit(
    sql: str, engine: Engine, parameters: Mapping[str, object] | None = None
) -> Statement:
    """Return *sql* as it may run.

    Args:
        sql: one statement, as the user wrote it.
        engine: runs the parser's statements; it must bind *parameters* in them.
        parameters: values of the `{name:Type}` in *sql*.

    Raises:
        Refused: it is not one statement, does more than read our tables, or uses a
            part of the language that this gate does not know.
    """
    if len(sql.encode()) > MAX_BYTES:
        raise refused("QUERY_IS_TOO_LARGE", f"a statement holds {MAX_BYTES} bytes")
    if "\0" in sql:
        raise refused("SYNTAX_ERROR", "Syntax error: a zero byte")
    try:
        text = engine(f"SELECT formatQuery({_quoted(sql)})").removesuffix("\n")
    except Refused as error:
        raise Refused(error.code, _SCOPE.sub(". (", str(error))) from None
    _check_names(text, parameters or {})
    found = _FORMAT.search(text)
    statement = Statement(text, found[1] if found else "")
    root = _judge(engine(f"EXPLAIN AST {text}"), bool(found))
    _check_calls(text)
    if root.startswith("Show"):
        _check_show(text)
    return statement


def _quoted(sql: str) -> str:
    escaped = sql.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def _check_names(text: str, parameters: Mapping[str, object]) -> None:
    """Refuse names that could add lines of their own to the dump of the tree."""
    bare = _QUOTED.sub("", text)
    names = [n for n in _QUOTED.findall(text) if n[0] == "`"]
    values = [str(parameters.get(n, "")) for n in _NAME_PARAMETER.findall(bare)]
    if (
        "\\" in bare
        or any("\\" in _ESCAPED_QUOTE.sub("", name) for name in names)
        or any("\\" in value or not value.isprintable() for value in values)
    ):
        raise _denied("an escape in the name of something", "a plain name")


def _check_calls(text: str) -> None:
    """Refuse unknown calls by their looks alone, should the tree not show one."""
    bare = _QUOTED.sub(_called_name, text)
    for name in _CALL.findall(_PLACEHOLDER.sub("''", bare)):
        called = name.strip("`")
        if called in _KEYWORDS or called.lower() in TABLE_FUNCTIONS or known(called):
            continue
        raise _denied(f"the function `{called}`", "one that computes")


def _called_name(quoted: re.Match[str]) -> str:
    """Return a quoted name that a parenthesis follows; nothing else is called."""
    is_called = quoted.string[quoted.end() :].lstrip().startswith("(")
    return quoted[0] if quoted[0][0] == "`" and is_called else "''"


def _check_show(text: str) -> None:
    """The tree of SHOW hides its WHERE and LIMIT."""
    bare = _QUOTED.sub("", text)
    if "(" in bare or re.search(r"\bWHERE\b", bare):
        raise _denied("an expression in SHOW", "LIKE, or a SELECT of system.tables")


def _judge(tree: str, has_format: bool) -> str:
    """Refuse *tree*, the lines of EXPLAIN AST, unless every node of it is known.

    Returns the kind of its root.
    """
    path: list[_Node] = []
    root: _Node | None = None
    for depth, node in _nodes(tree):
        if root is None:
            root = node
            if node.kind not in ROOTS:
                raise _denied("a statement that is not a query", "a query that reads")
            path = [node]
            continue
        if not 0 < depth <= len(path):
            raise _denied("a tree that does not nest", "a statement without tricks")
        del path[depth:]
        _judge_node(node, path, root)
        path[-1].seen += 1
        path.append(node)
    if root is None:
        raise refused("SYNTAX_ERROR", "Empty query")
    if root.kind not in ("SelectWithUnionQuery", "Explain"):
        _judge_object(root, has_format)
    return root.kind


def _nodes(tree: str) -> Iterator[tuple[int, _Node]]:
    for line in tree.split("\n"):  # splitlines() would also break at U+2028
        if not line:
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise _denied("a tree that does not read", "a statement without tricks")
        rest = match[3] or ""
        name = rest.partition(" (")[0]
        count = re.search(r"\(children (\d+)\)\Z", rest)
        yield len(match[1]), _Node(match[2], name, int(count[1]) if count else 0)


def _judge_node(node: _Node, path: list[_Node], root: _Node) -> None:
    parent = path[-1]
    if node.kind not in _NODES:
        if node.kind == "Set":
            raise refused("READONLY", "SETTINGS cannot be changed by a statement")
        raise _denied(f"`{node.kind}`", "syntax that the gate can see into")
    if parent is root:
        _judge_top(node, root)
    if node.kind == "Function":
        _judge_function(node.name, parent)
    elif node.kind == "TableIdentifier":
        _judge_table(node.name)
    elif node.kind == "Identifier":
        parts = node.name.split(".")
        if len(parts) > 1 and parts[0] in _CLOSED_DATABASES:
            _judge_table(".".join(parts[:2]))
        _judge_function_by_name(node, path)


def _judge_top(node: _Node, root: _Node) -> None:
    if node.kind == "Literal":
        raise _denied("INTO OUTFILE", "a result that goes to the client")
    if node.kind == "Identifier":
        root.plain.append(node.name)
    elif root.kind == "Explain" and node.kind != "SelectWithUnionQuery":
        raise _denied("EXPLAIN of that statement", "EXPLAIN of a SELECT")


def _judge_function(name: str, parent: _Node) -> None:
    if parent.kind == "TableExpression":
        if name.lower() not in TABLE_FUNCTIONS:
            raise _denied(f"the table function `{name}`", "a table or numbers()")
    elif not known(name):
        raise _denied(
            f"the function `{name}`", "a function that computes from its arguments"
        )


def _judge_function_by_name(node: _Node, path: list[_Node]) -> None:
    """`arrayMap(file, paths)` calls `file`, and the tree has no Function node of it."""
    arguments = path[-1]
    if len(path) < 2 or arguments.kind != "ExpressionList" or arguments.seen:
        return
    call = path[-2]
    if call.kind != "Function" or arguments.children < 2:
        return
    if call.name.lower() in _reviewed()[1] and not known(node.name):
        raise _denied(
            f"`{node.name}` called by {call.name}()", "a lambda, or a known function"
        )


def _judge_table(name: str) -> None:
    database, dot, table = name.partition(".")
    if not dot or database == DATABASE or database.lower() == "information_schema":
        return
    if database != "system" or table not in SYSTEM_TABLES:
        raise _denied(f"`{name}`", f"a table of `{DATABASE}`, or one that describes it")


def _judge_object(root: _Node, has_format: bool) -> None:
    """Judge what SHOW and EXISTS name: [database and] name, then the format."""
    names = root.plain[:-1] if has_format else root.plain
    if root.kind == "ShowTables" and names:
        names = [names[0], "tables"]
    if len(names) > 1:
        _judge_table(".".join(names))


def known(function: str) -> bool:
    """Tell whether a statement may call *function*, combinators included."""
    names, _ = _reviewed()
    while function and function.lower() not in names:
        suffix = next((c for c in _COMBINATORS if function.endswith(c)), "")
        if not suffix:
            return False
        function = function.removesuffix(suffix)
    return bool(function)


@cache
def _reviewed() -> tuple[frozenset[str], frozenset[str]]:
    """Return the functions of `functions.txt`, and those that take a function."""
    file = resources.files(__package__) / "functions.txt"
    lines = [
        line.lower().split()
        for line in file.read_text("ascii").splitlines()
        if not line.startswith("#")
    ]
    return (
        frozenset(words[0] for words in lines),
        frozenset(words[0] for words in lines if len(words) > 1),
    )


def _denied(found: str, expected: str) -> Refused:
    return refused("ACCESS_DENIED", explain(found, expected))
