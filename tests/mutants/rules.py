"""Defects by rule: small changes of a file, each of which a good suite of tests should notice.

A rule is a name and patterns with what stands there instead. Comments, SQL's texts and what runs on
Spark alone are left as they are, and so are layouts that can only break (a join on what is not
equal would multiply rows without end) and what lets an increment read the new rows alone: reading
more is slower and finds the same.
"""

import io
import re
import tokenize
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SINCE_THE_MARK = "{{ mark() }}"
FOLDERS = {"models": (".sql", ".py"), "macros": (".sql",), "seeds": (".csv",)}
# The same code as int_quality__marts.py, which a test says: drawn from once.
COPIES = ("int_quality__raw.py", "int_quality__staging.py", "int_quality__intermediate.py")


@dataclass(frozen=True)
class Mutant:
    """One changed place of a file."""

    path: str  # from the project's folder on
    rule: str
    start: int  # offset in the file
    original: str
    mutated: str
    text: str  # of the whole file before

    @property
    def changed(self) -> str:
        """The text of the whole file after."""
        return self.text[: self.start] + self.mutated + self.text[self.start + len(self.original) :]

    @property
    def line(self) -> int:
        return self.text.count("\n", 0, self.start) + 1

    @property
    def lines(self) -> tuple[str, str]:
        """The changed lines before and after, without the space around them."""
        first = self.text.rfind("\n", 0, self.start) + 1
        last = self.text.find("\n", self.start + len(self.original))
        rest = len(self.text) - last if last >= 0 else 0
        return tuple(text[first : len(text) - rest].strip() for text in (self.text, self.changed))

    @property
    def above(self) -> str:
        """The line before the changed ones, without the space around it."""
        return self.text[: self.start].rpartition("\n")[0].rpartition("\n")[2].strip()

    @property
    def place(self) -> str:
        return f"{self.path}:{self.line}"


def mutants(root: Path) -> list[Mutant]:
    """Everything that the rules can change in a project."""
    return [
        mutant
        for folder, suffixes in FOLDERS.items()
        for file in sorted((root / folder).rglob("*"))
        if file.suffix in suffixes and file.name not in COPIES
        for mutant in mutants_of(str(file.relative_to(root)), file.read_text())
    ]


def mutants_of(path: str, text: str) -> Iterator[Mutant]:
    """Everything that the rules can change in a file."""
    masked, rules = {
        ".sql": (without_sql_texts, SQL),
        ".py": (without_python_texts, PYTHON),
        ".csv": (lambda text: text, SEEDS),
    }[Path(path).suffix]
    shown, found = masked(text), set()
    for rule, edits in rules.items():
        for start, end, new in edits(shown, text):
            if text[start:end] != new and (start, end, new) not in found:
                found.add((start, end, new))
                yield Mutant(path, rule, start, text[start:end], new, text)


Edits = Callable[[str, str], Iterator[tuple[int, int, str]]]


def replaced(*patterns: tuple[str, str], unless_in: str = "") -> Edits:
    """Each match of a pattern by a template; unless the clause that it stands in is this one."""

    def edits(shown: str, text: str) -> Iterator[tuple[int, int, str]]:
        for pattern, template in patterns:
            for match in re.finditer(pattern, shown, re.MULTILINE):
                if not unless_in or clause(shown, match.start()) != unless_in:
                    original = re.match(pattern, text[match.start() : match.end()], re.MULTILINE)
                    yield match.start(), match.end(), (original or match).expand(template)

    return edits


def clause(text: str, position: int) -> str:
    """The keyword that a place in SQL stands under."""
    words = r"\b(select|from|where|on|when|then|having|qualify|if)\b"
    return ["", *re.findall(words, text[:position])][-1]


def shifted(pattern: str, *steps: str) -> Edits:
    """A number somewhat higher and lower; group 1 of the pattern is the number."""

    def edits(shown: str, text: str) -> Iterator[tuple[int, int, str]]:
        for match in re.finditer(pattern, shown, re.MULTILINE):
            for step in steps:
                if float(step) > 0 or match[1] != "0":
                    yield *match.span(1), moved(match[1], step)

    return edits


def moved(value: str, step: str) -> str:
    places = len(step.partition(".")[2])
    return f"{float(value) + float(step):.{places}f}" if places else str(int(value) + int(step))


def swapped(shown: str, text: str) -> Iterator[tuple[int, int, str]]:
    """The first two arguments of a function whose arguments are not alike, the other way round."""
    for match in re.finditer(r"\b(coalesce|nullif|max_by|datediff|days_between)\(", shown):
        spans = arguments(shown, match.end())
        if len(spans) > 1:
            one, other = (text[start:end] for start, end in spans[:2])
            between = text[spans[0][1] : spans[1][0]]
            yield spans[0][0], spans[1][1], f"{other}{between}{one}"


def narrowed(shown: str, text: str) -> Iterator[tuple[int, int, str]]:
    """A key without one of its columns."""
    lists = r"partition by ([\w., ]+?)(?= order|$|\))|(?:key|by)=(?:\[(.*?)\]|\"([\w, ]+)\")"
    for match in re.finditer(lists, shown, re.MULTILINE):
        start, end = match.span(match.lastindex)
        columns = text[start:end].split(", ")
        for dropped in range(len(columns) if len(columns) > 1 else 0):
            kept = columns[:dropped] + columns[dropped + 1 :]
            yield start, end, ", ".join(kept)


def unfiltered(shown: str, text: str) -> Iterator[tuple[int, int, str]]:
    """A condition of its own line that holds always."""
    for match in re.finditer(r"^ *(?:where|and|on) (\S.*)$|^ *where\n *(\S.*)$", shown, re.M):
        start, end = match.span(match.lastindex)
        condition = shown[start:end]
        is_join = match[0].strip().startswith("on ")
        is_increment = condition.endswith(SINCE_THE_MARK)
        if balanced(condition) and not (is_join or is_increment or "{%" in condition):
            yield start, end, "true"


def arguments(text: str, start: int) -> list[tuple[int, int]]:
    """Where the arguments of a function call stand that opens just before start."""
    spans, depth, first = [], 0, start
    for position in range(start, len(text)):
        character = text[position]
        if character in ",)" and depth == 0:
            spans.append(stripped(text, first, position))
            first = position + 1
            if character == ")":
                return [span for span in spans if span[0] < span[1]]
        depth += (character in "([{") - (character in ")]}")
    return []


def stripped(text: str, start: int, end: int) -> tuple[int, int]:
    part = text[start:end]
    return start + len(part) - len(part.lstrip()), end - len(part) + len(part.rstrip())


def balanced(text: str) -> bool:
    return all(text.count(one) == text.count(other) for one, other in ("()", "{}", "[]"))


def blanked(text: str, *patterns: str) -> str:
    """The text with what the patterns match made blank, line ends apart."""
    for pattern in patterns:
        text = re.sub(
            pattern, lambda match: re.sub(r"[^\n]", "\0", match[0]), text, flags=re.S | re.M
        )
    return text


def without_sql_texts(text: str) -> str:
    return blanked(
        text,
        r"\{#.*?#\}",
        r"--[^\n]*",
        r"\{% macro spark__.*?endmacro %\}",
        r"(?<=')[^'\n{}~]*(?=')",
        r"\"[^\"\n]*[A-Z][^\"\n]*\"",  # for people; SQL is in lower case
        r"(?<=\{% set )[\w, ]+ =",
        rf">(?= {re.escape(SINCE_THE_MARK)}$)",
        r"(?<=, )([2-9]|1\d)(?=\))",  # how many digits are kept
        r"(?<=then )1(?=\s+end\s*\))|(?<=select )1(?= from)",  # counted or there, whatever it is
    )


def without_python_texts(text: str) -> str:
    lines = [0]
    for line in text.splitlines(keepends=True):
        lines.append(lines[-1] + len(line))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.STRING, tokenize.COMMENT):
            start, end = (lines[row - 1] + column for row, column in (token.start, token.end))
            text = text[:start] + re.sub(r"[^\n]", "\0", text[start:end]) + text[end:]
    return text


def both_ways(one: str, other: str, before: str = r"\b") -> list[tuple[str, str]]:
    """Each word in place of the other, where it stands before something."""
    return [
        (rf"(?<![\w.]){word}(?={before})", instead)
        for word, instead in ((one, other), (other, one))
    ]


COMPARISONS = [
    (r"(?<=\s)<(?=\s)", "<="), (r"(?<=\s)<=(?=\s)", "<"), (r"(?<=\s)>(?=\s)", ">="),
    (r"(?<=\s)>=(?=\s)", ">"), (r"(?<=\s)!=(?=\s)", "="), (r"(?<=\s)==(?=\s)", "!="),
]  # fmt: skip
ARITHMETIC = [
    (r"(?<=\s)\+(?=\s)", "-"), (r"(?<=\s)-(?=\s)", "+"), (r"(?<=\s)/(?=\s)", "*"),
    (r"(?<=\s)(?<!select )(?<!distinct )\*(?=\s)", "/"),
]  # fmt: skip

SQL: dict[str, Edits] = {
    "kind of join": replaced(
        ("left join", "inner join"), ("inner join", "left join"), ("full outer join", "left join")
    ),
    "comparison": replaced(*COMPARISONS),
    "equality": replaced((r"(?<=\s)=(?=\s)", "!="), unless_in="on"),
    "dropped filter": unfiltered,
    "dropped column of a key": narrowed,
    "aggregate": replaced(
        *both_ways("min", "max", r"\("), *both_ways("sum", "avg", r"\("),
        (r"\bcount\(distinct ", "count("), (r"\bcount\(\*\)", "(count(*) + 1)"),
    ),
    "neighbour": replaced(*both_ways("lead", "lag", r"\("), *both_ways("ceil", "floor", r"\(")),
    "greatest or least": replaced(*both_ways("greatest", "least", r"\(")),
    "null": replaced((r"\bis null\b", "is not null"), (r"\bis not null\b", "is null")),
    "negation": replaced(
        (r"(?<!is )\bnot (?!null|distinct)", ""), (r"(?<!not )\bin (?=\()", "not in "),
        (r"(?<!not )\bexists\b", "not exists"),
    ),
    "and or": replaced(*both_ways("and", "or"), unless_in="on"),
    "order": replaced(
        *both_ways("desc", "asc"), *both_ways("nulls last", "nulls first"),
        (r"(order by (?!case\b)[\w.]+)(?=[,)\s])(?! (?:asc|desc))", r"\1 desc"),
    ),
    "true or false": replaced(*both_ways("true", "false")),
    "arithmetic": replaced(*ARITHMETIC),
    "number": shifted(r"(?<![\w.\[\]\-])(\d+)(?=\.0e0|[^\w.]|$)", "1", "-1"),
    "setting": replaced(*(
        (rf'var\("({name})"\)', rf'(var("\1") {step})')
        for name in (
            "window_days", "half_life_days", "session_gap_seconds", "event_gap_cap_seconds",
            "bot_events_per_day", "machine_response_seconds",
        )
        for step in ("+ 1", "- 1")
    )),
    "day": replaced((r"(\{\{ local_date\([^{}]*\) \}\})", r"(\1 + 1)")),
    "swapped arguments": swapped,
    "condition of a template": replaced((r"\{% (if|elif) (.+?) %\}", r"{% \1 not (\2) %}")),
}  # fmt: skip

PYTHON: dict[str, Edits] = {
    "comparison": replaced(*COMPARISONS),
    "arithmetic": replaced(*ARITHMETIC, (r"(?<=[\s(])-(?=\w)", "")),
    "and or": replaced(*both_ways("and", "or"), (r" & ", " | "), (r" \| ", " & ")),
    "negation": replaced((r"\bnot (?!in)", ""), (r"~", "")),
    "min or max": replaced(
        (r"\bmin(?=[\b(_])", "max"), (r"\bmax(?=[\b(])", "min"), (r"cum_max", "cum_min")
    ),
    "statistic": replaced(
        (r"\bnanmean\b", "nanmedian"), (r"\bnanstd\b", "nanvar"), (r"\.std\(", ".var(")
    ),
    "number": shifted(r"(?<![\w.])(\d+)(?![\w.])", "1", "-1"),
    "fraction": shifted(r"(?<![\w.])(\d+\.\d+)(?!\w)", "0.01", "-0.01"),
    # (That zip is strict is a check of its own.)
    "true or false": replaced((r"(?<!strict=)\bTrue\b", "False"), (r"\bFalse\b", "True")),
}

SEEDS: dict[str, Edits] = {
    "weight": shifted(r"(?<=,)(0\.\d+)(?=,|$)", "0.01", "-0.01"),
    "number": shifted(r"(?<=,)(\d+)(?=,|$)", "1", "-1"),
    "dropped row": replaced((r"(?<=\n)[^\n]+\n", "")),
}
