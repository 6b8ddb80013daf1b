# SPDX-License-Identifier: Apache-2.0
"""One spelling for the many in which a name is written: marks, umlauts, other alphabets, glued words."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

# Letters that no decomposition takes apart.
_PLAIN = str.maketrans({
    "ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
    "đ": "d", "Đ": "D", "ð": "d", "Ð": "D", "þ": "th", "Þ": "Th", "ı": "i",
})  # fmt: skip
_UMLAUTS = str.maketrans({
    "ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "đ": "dj", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "Å": "Aa",
    "Ø": "Oe", "Đ": "Dj", "ё": "ио", "Ё": "Ио",
})  # fmt: skip
_HIRAGANA = {code: code - 0x60 for code in range(0x30A1, 0x30F7)}  # from katakana
_CYRILLIC = dict(zip("абвгґдђѓежзѕиіјкклљмнњопрстћќуфхцчџшщъыьэюяє", [
    "a", "b", "v", "g", "g", "d", "dj", "g", "e", "zh", "z", "z", "i", "i", "i", "k", "k", "l", "l", "m", "n", "n", "o",
    "p", "r", "s", "t", "ch", "k", "u", "f", "kh", "ts", "ch", "dz", "sh", "shch", "", "y", "", "e", "yu", "ya", "ye",
], strict=True))  # fmt: skip
_GREEK = dict(zip("αβγδεζηθικλμνξοπρσςτυφχψω", [
    "a", "v", "g", "d", "e", "z", "i", "th", "i", "k", "l", "m", "n", "x", "o", "p", "r", "s", "s", "t", "i", "f",
    "ch", "ps", "o",
], strict=True))  # fmt: skip
_TO_LATIN = str.maketrans(_CYRILLIC | _GREEK)
_DIGRAPHS = (("ου", "ou"), ("αυ", "av"), ("ευ", "ev"))
# What the tables of transliteration (BGN, ISO 9, passports, German, ELOT 743) write differently, brought together.
_SOUNDS = tuple((re.compile(pattern), sound) for pattern, sound in (
    (r"s(chtsch|hch|ch|h|z|c)", "s"), (r"zh|dz", "z"), (r"th", "t"), (r"ph|ff|f|w|mp|b", "v"), (r"nt", "d"),
    (r"n?g[gk]?", "g"), (r"tsch|tch|ch|ts|tz|cz|kh|ks|[cgkqxh]", "h"), (r"[yj]", "i"), (r"i+(?=[aeou])", ""),
    (r"ou|u", "o"), (r"ai", "e"), (r"[eo]i", "i"), (r"(.)\1+", r"\1"),
))  # fmt: skip


class Word(NamedTuple):
    """A run of letters or of digits within a text, in lower case."""

    text: str
    digits: bool
    joined: bool  # nothing stands between it and the word before


def foldings(text: str) -> tuple[str, ...]:
    """Spellings of a text without marks: ü as u and as ue, and ue as u."""
    composed = unicodedata.normalize("NFKC", text)
    plain, expanded = _bare(composed), _bare(composed.translate(_UMLAUTS))
    short = re.sub(r"(?i)([aou])e", r"\1", plain)
    return tuple(dict.fromkeys((plain, expanded, short)))


def _bare(text: str) -> str:
    if text.isascii():
        return text
    parts = unicodedata.normalize("NFKD", text.translate(_PLAIN))
    bare = "".join(letter for letter in parts if unicodedata.category(letter) != "Mn").translate(_HIRAGANA)
    return "".join(str(unicodedata.digit(letter, letter)) for letter in bare)


def words(text: str) -> list[Word]:
    """Runs of letters and of digits; a capital after a small letter begins another."""
    found, end = [], -1
    for run in re.finditer(r"\d+|[^\W\d_]+", text):
        start = run.start()
        for part in [run[0]] if run[0].isdigit() else _capitals(run[0]):
            found.append(Word(part.casefold(), part.isdigit(), start == end))
            start = end = start + len(part)
    return found


def _capitals(run: str) -> list[str]:
    """Doe, Jane of DoeJane; LCC, Doe of LCCDoe."""
    if run.islower() or run.isupper():
        return [run]
    cuts = [
        at
        for at in range(1, len(run))
        if run[at].isupper() and (run[at - 1].islower() or (at + 1 < len(run) and run[at + 1].islower()))
    ]
    return [run[start:end] for start, end in zip([0, *cuts], [*cuts, len(run)], strict=True)]


@lru_cache(maxsize=1 << 16)
def sound(word: str) -> str:
    """How a folded word sounds, whatever table brought it from the Cyrillic or the Greek alphabet to Latin letters."""
    for letters, latin in _DIGRAPHS:
        word = word.replace(letters, latin)
    word = word.translate(_TO_LATIN)
    for pattern, replacement in _SOUNDS:
        word = pattern.sub(replacement, word)
    return word
