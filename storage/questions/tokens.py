"""PostgreSQL's tokens, as far as one must know them to say which functions a statement may call.

Its scanner is the model (src/backend/parser/scan.l, https://www.postgresql.org/docs/current/sql-syntax-lexical.html),
with `standard_conforming_strings` on. What could be read in two ways is refused: a name spelled with Unicode escapes,
and an escape string that goes on on the next line.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from storage.errors import StorageError

Kind = Literal["name", "string", "number", "symbol"]

_NAME_BYTES: Final = 63  # longer names are cut there by the server
_LETTER: Final = "A-Za-z_\x80-\U0010ffff"

_BLANK: Final = re.compile(r"[ \t\n\r\f\v]+|--[^\n\r]*")
_COMMENT_EDGE: Final = re.compile(r"/\*|\*/")
_NAME: Final = re.compile(rf"[{_LETTER}][{_LETTER}0-9$]*")
_QUOTED_NAME: Final = re.compile(r'"((?:[^"]|"")*)"')
_STRING: Final = re.compile(r"'(?:[^']|'')*'")
_ESCAPE_STRING: Final = re.compile(r"[eE]'(?:[^'\\]|''|\\.)*'", re.DOTALL)
_DOLLARS: Final = re.compile(rf"\$(?:[{_LETTER}][{_LETTER}0-9]*)?\$")
_NUMBER: Final = re.compile(r"\$?[0-9]+")


@dataclass(frozen=True, slots=True)
class Token:
    """A token, and where it begins. A name is spelled as the server will look it up."""

    kind: Kind
    text: str
    start: int


def tokens_of(statement: str) -> list[Token]:
    """Return the tokens of an SQL text; comments are none. Raises StorageError for what has no end, or two readings."""
    found: list[Token] = []
    at = 0
    while at < len(statement):
        if blank := _BLANK.match(statement, at):
            at = blank.end()
        elif statement.startswith("/*", at):
            at = _after_comment(statement, at)
        else:
            token, at = _next(statement, at)
            if token.kind == "string" and found and found[-1].kind == "string" and _escapes(statement, found[-1]):
                raise StorageError("an E'…' string goes on in another string: write it as one")
            found.append(token)
    return found


def functions_in(tokens: Sequence[Token]) -> tuple[set[str], set[str]]:
    """Return the names that may be functions: those before a bracket, and those after a dot (as in `row.function`)."""
    called = {token.text for token, after in pairwise(tokens) if token.kind == "name" and _is(after, "(")}
    of_rows = {after.text for token, after in pairwise(tokens) if _is(token, ".") and after.kind == "name"}
    return called, of_rows


def _is(token: Token, symbol: str) -> bool:
    return token.kind == "symbol" and token.text == symbol


def _escapes(statement: str, token: Token) -> bool:
    return statement[token.start] in "eE"


def _after_comment(statement: str, at: int) -> int:
    """Return where the comment ends that begins at `at`; there may be others in it."""
    depth = 0
    for edge in _COMMENT_EDGE.finditer(statement, at):
        depth += 1 if edge.group() == "/*" else -1
        if not depth:
            return edge.end()
    raise StorageError("a comment /* has no end */")


def _next(statement: str, at: int) -> tuple[Token, int]:
    """Return the token that begins at `at`, and where it ends."""
    character = statement[at]
    if character == "'":
        return _whole(_STRING.match(statement, at), "string", at)
    if character in "eE" and statement.startswith("'", at + 1):
        return _whole(_ESCAPE_STRING.match(statement, at), "string", at)
    if character in "uU" and statement.startswith('&"', at + 1):
        raise StorageError('a name is spelled with Unicode escapes, U&"…": write it plainly')
    if character == '"':
        token, end = _whole(_QUOTED_NAME.match(statement, at), "name", at)
        return Token("name", _cut(token.text[1:-1].replace('""', '"')), at), end
    if name := _NAME.match(statement, at):
        return Token("name", _cut(_folded(name.group())), at), name.end()
    if dollars := _DOLLARS.match(statement, at):
        end = statement.find(dollars.group(), dollars.end())
        if end < 0:
            raise StorageError(f"a string {dollars.group()} has no end")
        return Token("string", statement[at:end], at), end + len(dollars.group())
    if number := _NUMBER.match(statement, at):
        return Token("number", number.group(), at), number.end()
    return Token("symbol", character, at), at + 1


def _whole(match: re.Match[str] | None, kind: Kind, at: int) -> tuple[Token, int]:
    if match is None:
        raise StorageError(f"a {kind} has no end: a closing quote is missing")
    return Token(kind, match.group(), at), match.end()


def _folded(name: str) -> str:
    """Return a name without quotes as the server folds it: only the letters of ASCII."""
    return "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in name)


def _cut(name: str) -> str:
    return name.encode(errors="surrogatepass")[:_NAME_BYTES].decode(errors="ignore")
