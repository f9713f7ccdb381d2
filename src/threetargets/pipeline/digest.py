"""The digest of the code that a job runs: its stage's module, its family's, and everything of ours
that these import.

By syntax tree, without comments and docstrings: an edit that changes no
instruction changes no digest. Of a registry only the entries that the job takes count, and what
they alone use: a further target is no change for the others.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from threetargets.pipeline.kept_digests import kept

PACKAGE = Path(__file__).parent.parent
NO_NUMBERS = (
    *("tracking", "study", "pipeline", "errors", "progress"),
    *("families.cell", "families.protocol", "families.variants", "networks.parameters"),
    *("data.download", "data.fetch", "data.pretrained"),
    "experiments.contract",
)
"""Left out of every digest but the report's: the mirror of what was measured; the reading of
parameters, by the specs of families too, whose values are in the identity themselves; the names of
files, messages; and downloads, which are checked by digest."""
REGISTRIES = {
    "TARGETS": "diffusion/target.py",
    "WEIGHTINGS": "diffusion/weighting.py",
    "SCHEDULES": "diffusion/schedule.py",
    "SAMPLERS": "diffusion/sampler.py",
    "DENOISERS": "networks/registry.py",
    "TRUNKS": "networks/registry.py",
    "DECODERS": "likelihood/decoders.py",
    "GUIDANCES": "diffusion/guidance.py",
    "SOURCES": "data/sources.py",
    **dict.fromkeys(("SAMPLES", "OTHERS", "SERIES"), "metrics/catalogue.py"),
}
"""Dictionaries of which a job takes some entries, and where they are assigned."""
PARTS = {
    "train": ("model",),
    "sample": ("model", "sampling"),
    "likelihood": ("model", "likelihood"),
    "evaluate": ("model",),
}
"""The files of a family that a stage loads by name, which no import statement shows."""

Choices = Mapping[str, frozenset[str]]
FrozenChoices = frozenset[tuple[str, frozenset[str]]]


@dataclass(frozen=True)
class Statement:
    """A top-level statement: the names that it binds, those that it reads, and its tree as
    text."""

    binds: frozenset[str]
    reads: frozenset[str]
    text: str
    droppable: bool


@functools.cache
def _file(module: str) -> Path | None:
    path = PACKAGE.joinpath(*module.split(".")[1:])
    files = (path / "__init__.py", path.with_suffix(".py"))
    return next((file for file in files if file.exists()), None)


def _documents(body: list[ast.stmt]) -> list[ast.stmt]:
    """Without the strings that stand as statements, which are documentation."""
    return [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]


def _tree(node: object, names: set[str]) -> str:
    """A syntax tree as text, the same in every version of Python that has these nodes: what is
    empty is left out. The names that it reads are added to `names`."""
    if isinstance(node, ast.AST):
        if isinstance(node, ast.Name):
            names.add(node.id)
        parts = []
        for field in node._fields:
            value = getattr(node, field, None)
            if field == "body" and isinstance(value, list):
                value = _documents(value)
            if value is not None and value != []:
                parts.append(f"{field}={_tree(value, names)}")
        return f"{type(node).__name__}({','.join(parts)})"
    if isinstance(node, list):
        return f"[{','.join([_tree(one, names) for one in node])}]"
    return repr(node)


def _for_types(node: ast.stmt) -> bool:
    """`if TYPE_CHECKING:`, which nothing runs."""
    return isinstance(node, ast.If) and "TYPE_CHECKING" in _reads(node.test)


def _reads(*nodes: ast.AST) -> frozenset[str]:
    return frozenset(
        inner.id for node in nodes for inner in ast.walk(node) if isinstance(inner, ast.Name)
    )


def _bound(node: ast.stmt) -> frozenset[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return frozenset({node.name})
    goals = node.targets if isinstance(node, ast.Assign) else []
    goals = [node.target] if isinstance(node, ast.AnnAssign) else goals
    return frozenset(name for goal in goals for name in _reads(goal))


@functools.cache
def _parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def _statement(node: ast.stmt) -> Statement:
    definition = isinstance(node, ast.FunctionDef | ast.ClassDef)
    names = set[str]()
    text = _tree(node, names)
    return Statement(_bound(node), frozenset(names), text, definition)


@functools.cache
def _statements(path: Path, choices: FrozenChoices, asked: frozenset[str]) -> list[Statement]:
    """The statements of a module but its imports; of its registries the chosen entries. A
    definition that only an entry left out leads to is left out with it, unless other modules ask
    for it by name."""
    wanted, left_out = dict(choices), set[str]()
    kept = [Statement(frozenset(), asked, "", False)]
    for node in _documents(_parsed(path).body):
        if isinstance(node, ast.Import | ast.ImportFrom) or _for_types(node):
            continue
        name = next(iter(_bound(node)), "")
        value = getattr(node, "value", None)
        if name in wanted and isinstance(value, ast.Dict):
            entries = list(zip(value.keys, value.values, strict=True))
            chosen = [(k, v) for k, v in entries if _key(k) in wanted[name]]
            rest = [v for k, v in entries if _key(k) not in wanted[name]]
            left_out |= _reads(*rest)
            read = set[str]()
            text = ",".join(f"{_key(k)}:{_tree(v, read)}" for k, v in sorted(chosen, key=_by_key))
            kept.append(Statement(frozenset({name}), frozenset(read), f"{name}={{{text}}}", False))
        else:
            kept.append(_statement(node))
    return _without(kept, left_out)


def _key(node: ast.expr | None) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else ""


def _by_key(entry: tuple[ast.expr | None, ast.expr]) -> str:
    return _key(entry[0])


def _without(statements: list[Statement], names: set[str]) -> list[Statement]:
    """Less the definitions that only `names` lead to, directly or through each other."""
    doubtful: list[Statement] = []
    while more := [s for s in statements if s.droppable and s.binds & names and s not in doubtful]:
        doubtful += more
        names = names.union(*(s.reads for s in more))
    kept = [s for s in statements if s not in doubtful]
    while needed := [s for s in doubtful if any(s.binds & k.reads for k in kept)]:
        kept += needed
        doubtful = [s for s in doubtful if s not in needed]
    return [s for s in statements if s not in doubtful]


@functools.cache
def _imports(path: Path) -> tuple[tuple[str, str, str], ...]:
    """(module of ours, name in it or "", name here) of every import, wherever it stands."""
    ours: list[tuple[str, str, str]] = []
    for node in ast.walk(_parsed(path)):
        if isinstance(node, ast.Import):
            ours += [(alias.name, "", alias.asname or alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            ours += [(node.module, alias.name, alias.asname or alias.name) for alias in node.names]
    return tuple(one for one in ours if one[0].split(".")[0] == PACKAGE.name)


def _counts(module: str) -> bool:
    inner = ".".join(module.split(".")[1:])
    left_out = any(inner == name or inner.startswith(f"{name}.") for name in NO_NUMBERS)
    return not (left_out or inner in ("families", "experiments") or module.endswith(".spec"))


@functools.cache
def _reached(
    roots: tuple[str, ...], choices: FrozenChoices, everything: bool
) -> dict[str, tuple[str, ...]]:
    """The modules that the roots import directly or through others, themselves included, each with
    its statements as text."""
    asked: dict[str, frozenset[str]] = {}
    todo = [(f"{PACKAGE.name}.{root}", "") for root in roots]
    reached: dict[str, tuple[str, ...]] = {}
    while todo:
        module, name = todo.pop()
        path = _file(module)
        key = str(path.relative_to(PACKAGE)) if path else ""
        if path is None or (key in reached and name in asked[key]):
            continue
        asked[key] = asked.get(key, frozenset()) | {name}
        here = frozenset(choice for choice in choices if REGISTRIES.get(choice[0]) == key)
        statements = _statements(path, here, asked[key])
        reached[key] = tuple(s.text for s in statements)
        read = {n for s in statements for n in s.reads}
        for source, inner, as_name in _imports(path):
            if as_name.split(".")[0] in read and (everything or _counts(source)):
                todo.append((source, inner))
                if inner and (everything or _counts(f"{source}.{inner}")):
                    todo.append((f"{source}.{inner}", ""))
    return reached


def _roots(stage: str, family: str, more: tuple[str, ...] = ()) -> tuple[str, ...]:
    parts = PARTS.get(stage, ()) if family else ()
    of_family = (f"families.{family}.{part}" for part in parts)
    topics = sorted((PACKAGE / "report" / "topics").rglob("*.py")) if stage == "report" else []
    names = (path.relative_to(PACKAGE).with_suffix("").parts for path in topics)
    of_report = (".".join(parts) for parts in names)  # loaded by name
    return (f"stages.{stage}", *of_family, *of_report, *sorted(more))


def modules(stage: str, family: str = "", choices: Choices | None = None) -> tuple[str, ...]:
    """The files, relative to the package, that a stage runs for a family; and the templates that
    lie beside the report's; less NO_NUMBERS where they cannot change a number."""
    frozen = frozenset((choices or {}).items())
    files = _reached(_roots(stage, family), frozen, stage == "report")
    return tuple(sorted({*files, *_templates(files)}))


def _templates(files: Mapping[str, object]) -> set[str]:
    folders = {(PACKAGE / name).parent for name in files}
    return {
        str(path.relative_to(PACKAGE))
        for folder in folders
        for path in (*folder.iterdir(), *folder.glob("templates/*"))
        if path.suffix in (".html", ".css", ".md")
    }


def code_digest(
    stage: str, family: str = "", choices: Choices | None = None, more: tuple[str, ...] = ()
) -> str:
    """12 hexadecimal digits: SHA-256 over the statements of `modules` and of `more`, and over their
    templates."""
    return _kept(stage, family, frozenset((choices or {}).items()), more)


@functools.cache
def _kept(stage: str, family: str, choices: FrozenChoices, more: tuple[str, ...]) -> str:
    by_name = sorted((name, sorted(entries)) for name, entries in choices)
    key = json.dumps([stage, family, by_name, sorted(more)])
    return kept(PACKAGE, key, lambda: _digest(stage, family, choices, more))


def _digest(stage: str, family: str, choices: FrozenChoices, more: tuple[str, ...]) -> str:
    sha = hashlib.sha256()
    reached = _reached(_roots(stage, family, more), choices, stage == "report")
    for name in sorted(reached):
        sha.update("\0".join([name, *reached[name], ""]).encode())
    for name in sorted(_templates(reached)):
        sha.update(name.encode() + b"\0" + (PACKAGE / name).read_bytes() + b"\0")
    return sha.hexdigest()[:12]
