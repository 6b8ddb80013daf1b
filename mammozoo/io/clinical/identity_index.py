# SPDX-License-Identifier: Apache-2.0
"""Which paths name somebody: what headers say, in a set that is built once and looked up a path at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import date
from itertools import permutations
from typing import Literal, NamedTuple

from .spelling import Word, foldings, sound, words

_MAX_JOINED = 12  # words that are tried as one
_MAX_NAMES = 6  # parts of one name that are paired
_GLUED = 4  # letters by which a glued value is found within a word; 2 of those that are no Latin ones
_LONGEST = 32  # letters of a name within a word
_SHORT_NUMBER = 3  # a number of fewer digits counts only where it stands alone or after a word for a number


def _set_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NUMBER_WORDS = _set_of("accession case fall id kode mrn nhs no nr number p pat patid patient pid pt subject")
# Words of file names that name nobody, whatever a header says.
_NEUTRAL = _set_of(
    "birth birthday born bilat breast cad cc ccl dcm dicom dob exam export fb gb geb image images img l lat lcc left "
    "links lm lmlo lml mammo mammogram mammography mg ml mlo mrn name overlay pat patient r rcc rechts right rlm rml "
    "rmlo seg series serie sr study view views xccl xccm"
)
_PARTICLES = _set_of(
    "al bin da de del dem den der di do dos dr du el frau herr jr la le los mc md med miss mme mr mrs ms phd prof san "
    "sr st ten ter van vom von zu zum zur"
)
# English, German, French, Spanish, Italian, Dutch; "jui" is June or July.
_MONTHS = (
    dict.fromkeys(("jan", "ene", "gen"), (1,))
    | dict.fromkeys(("feb", "fev"), (2,))
    | dict.fromkeys(("mar", "mrz", "mae"), (3,))
    | dict.fromkeys(("apr", "avr", "abr"), (4,))
    | dict.fromkeys(("may", "mai", "mag", "mei"), (5,))
    | {"jun": (6,), "giu": (6,), "jui": (6, 7), "jul": (7,), "lug": (7,), "sep": (9,), "set": (9,), "nov": (11,)}
    | dict.fromkeys(("aug", "aou", "ago"), (8,))
    | dict.fromkeys(("oct", "okt", "ott", "out"), (10,))
    | dict.fromkeys(("dec", "dez", "dic"), (12,))
)


class Value(NamedTuple):
    """One value of a header by which a person or a visit is known."""

    kind: Literal["name", "date", "number"]
    text: str


class IdentityIndex:
    """Whether a path repeats one of the values that it was built from, in a form that exports make of them."""

    def __init__(self, values: Iterable[Value] = ()) -> None:
        self._words: set[str] = set()
        self._names: set[str] = set()  # parts of names that may be glued to others
        self._fillers: set[str] = set(_NEUTRAL | _PARTICLES)
        self._glued: dict[str, set[str]] = {}  # by their first letters
        self._sounds: set[str] = set()  # of names in other alphabets
        self._latin_sounds: set[str] = set()
        self._dates: set[tuple[int, int, int]] = set()
        self._date_runs: set[str] = set()
        self._judged: dict[str, bool] = {}
        for value in set(values):
            {"name": self._add_name, "date": self._add_date, "number": self._add_number}[value.kind](value.text)

    def is_named_in(self, relative: str) -> bool:
        """Whether a path repeats one of the values."""
        return any(self._repeats(words(spelling)) for spelling in foldings(relative))

    def _add_name(self, text: str) -> None:
        foreign = not all(spelling.isascii() for spelling in foldings(text))
        for group in text.split("="):
            for spelling in foldings(group):
                whole = re.findall(r"[^\W\d_]+", spelling.casefold())
                parts = [*dict.fromkeys([*whole, *(word.text for word in words(spelling) if not word.digits)])]
                self._add_parts(parts, foreign=foreign)
                self._add_pairs(whole[:_MAX_NAMES], foreign=foreign)
                for word in words(spelling):
                    if word.digits and len(word.text) >= _SHORT_NUMBER:
                        self._add_word(word.text)

    def _add_parts(self, parts: Sequence[str], *, foreign: bool) -> None:
        for part in parts:
            if part in _NEUTRAL or part in _PARTICLES or (part.isascii() and len(part) < 2):
                continue
            self._add_word(part)
            self._add_word(part[:8])  # the names of ISO 9660
            self._add_sound(part, foreign=foreign)
            (self._names if len(part) > 2 or not part.isascii() else self._fillers).add(part)

    def _add_pairs(self, parts: Sequence[str], *, foreign: bool) -> None:
        for first, second in permutations(parts, 2):
            pair = first + second
            self._add_word(pair)
            self._add_word(pair[:8])
            self._add_sound(pair, foreign=foreign)
            if len(pair) >= 6 or not pair.isascii():
                self._add_glued(pair)
            for part in (first + second[0], first[0] + second):
                if len(part) > 3 and part.isascii():
                    self._add_word(part)
                    self._names.add(part)

    def _add_sound(self, part: str, *, foreign: bool) -> None:
        spoken = sound(part)
        if len(spoken) > 2 and part not in _NEUTRAL:
            (self._sounds if foreign else self._latin_sounds).add(spoken)

    def _add_date(self, text: str) -> None:
        digits = re.sub(r"\D", "", text)[:8]
        found = [
            (year, month, day)
            for year, month, day in (
                (digits[:4], digits[4:6], digits[6:]),
                (digits[4:], digits[2:4], digits[:2]),
                (digits[4:], digits[:2], digits[2:4]),
            )
            if len(digits) == 8 and _is_date(int(year), int(month), int(day))
        ]
        if not found and digits.strip("0"):
            self._date_runs.add(digits)
            self._add_number(text)
        for year, month, day in found:
            for y in (year, year[2:]):
                runs = (y + month + day, day + month + y, month + day + y, y + day + month)
                self._date_runs.update(runs)
                orders = ((y, month, day), (day, month, y), (month, day, y), (y, day, month))
                self._dates.update((int(a), int(b), int(c)) for a, b, c in orders)

    def _add_number(self, text: str) -> None:
        for spelling in foldings(text):
            found = words(spelling)
            squeezed = "".join(word.text for word in found)
            if not squeezed.strip("0") or squeezed in _NEUTRAL:
                continue
            if not any(word.digits for word in found):
                self._add_name(spelling)
                continue
            self._add_word(_joined(found))
            self._add_word(squeezed)
            for word in found:
                if word.digits and len(word.text.lstrip("0")) >= 5:
                    self._add_word(word.text)
            if not squeezed.isdigit() and len(squeezed) >= 5:
                self._add_glued(squeezed)
            if re.fullmatch(r"(19|20)\d{6}", squeezed) and squeezed not in self._date_runs:
                self._add_date(squeezed)

    def _add_word(self, word: str) -> None:
        short = _unpadded(word)
        if short not in _NEUTRAL and short.strip("0") and (len(short) > 1 or short.isdigit() or not short.isascii()):
            self._words.add(short)

    def _add_glued(self, word: str) -> None:
        self._glued.setdefault(word[: _GLUED if word.isascii() else 2], set()).add(word)

    def _repeats(self, found: Sequence[Word]) -> bool:
        for start, word in enumerate(found):
            if self._starts_here(found, start):
                return True
            if word.digits and self._ends_with_date(word.text):
                return True
        return any(self._holds_glued(chunk) for chunk in _chunks(found))

    def _starts_here(self, found: Sequence[Word], start: int) -> bool:
        """Whether a value starts with this word and ends with one of the next."""
        for end in range(start + 1, min(start + _MAX_JOINED, len(found)) + 1):
            part = found[start:end]
            value = _unpadded(_joined(part))
            if value in self._words and (not _is_short_number(value) or _stands_alone(found, start)):
                return True
            if len(part) <= 3 and not any(word.digits for word in part) and self._sounds_like_one(value):
                return True
            if len(part) == 3 and self._is_date(part):
                return True
        return False

    def _sounds_like_one(self, value: str) -> bool:
        if value.isascii():
            return bool(self._sounds) and sound(value) in self._sounds
        return sound(value) in self._sounds or sound(value) in self._latin_sounds

    def _is_date(self, part: Sequence[Word]) -> bool:
        first, second, third = ((int(word.text),) if word.digits else _MONTHS.get(word.text[:3], ()) for word in part)
        return any((a, b, c) in self._dates for a in first for b in second for c in third)

    def _ends_with_date(self, run: str) -> bool:
        """A date alone, or of eight digits at an end of a longer number (with its time, for example)."""
        return run in self._date_runs or (len(run) > 8 and (run[:8] in self._date_runs or run[-8:] in self._date_runs))

    def _holds_glued(self, chunk: str) -> bool:
        """Whether letters and digits without a gap hold a value, or are nothing but names and words of file names."""
        if chunk not in self._judged:
            self._judged[chunk] = self._holds_value(chunk) or any(
                self._is_made_of_names(run) for run in re.findall(r"[^\W\d_]+", chunk)
            )
        return self._judged[chunk]

    def _holds_value(self, chunk: str) -> bool:
        for at in range(len(chunk)):
            starts = (chunk[at : at + _GLUED], chunk[at : at + 2])
            for value in (value for start in starts for value in self._glued.get(start, ())):
                end = at + len(value)
                before, after = chunk[at - 1 : at], chunk[end : end + 1]
                split = (value[0].isdigit() and before.isdigit()) or (value[-1].isdigit() and after.isdigit())
                if chunk.startswith(value, at) and not split:
                    return True
        return False

    def _is_made_of_names(self, run: str) -> bool:
        reached = [0] * (len(run) + 1)  # 1 by words of file names, 2 with a name among them
        reached[0] = 1
        for start in range(len(run)):
            for end in range(start + 1, min(start + _LONGEST, len(run)) + 1) if reached[start] else ():
                part = run[start:end]
                if part in self._names:
                    reached[end] = 2
                elif part in self._fillers:
                    reached[end] = max(reached[end], reached[start])
        return reached[-1] == 2


def _joined(found: Sequence[Word]) -> str:
    """Words in one, a line between two numbers."""
    text = ""
    for word in found:
        text += "_" + word.text if word.digits and text[-1:].isdigit() else word.text
    return text


def _unpadded(text: str) -> str:
    """Without the leading zeros of its numbers."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", text) if "0" in text else text


def _is_short_number(value: str) -> bool:
    return value.isdigit() and len(value) < _SHORT_NUMBER


def _stands_alone(found: Sequence[Word], at: int) -> bool:
    before = found[at - 1].text if at else ""
    alone = not found[at].joined and not (at + 1 < len(found) and found[at + 1].joined)
    return alone or before in _NUMBER_WORDS


def _chunks(found: Sequence[Word]) -> list[str]:
    chunks: list[str] = []
    for word in found:
        if word.joined:
            chunks[-1] += word.text
        else:
            chunks.append(word.text)
    return chunks


def _is_date(year: int, month: int, day: int) -> bool:
    try:
        return 1850 <= date(year, month, day).year <= 2150
    except ValueError:
        return False
