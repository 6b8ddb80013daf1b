# SPDX-License-Identifier: Apache-2.0
"""Regions of the VGG Image Annotator as polygons."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from ..._errors import UserError
from ..._typing import PathLike
from ..record import Outline
from .spreadsheet import read_rows

_SEGMENTS = 64  # vertices of a circle or an ellipse


def outline(shape: Mapping[str, Any]) -> Outline:
    """Polygon of one region, whatever shape it was drawn as."""
    name = shape.get("name")
    if name is None:
        return ()
    if name in {"polygon", "polyline"}:
        xs, ys = shape["all_points_x"], shape["all_points_y"]
        return tuple((float(x), float(y)) for x, y in zip(xs, ys, strict=True))
    if name in {"circle", "ellipse"}:
        rx, ry = (shape["r"], shape["r"]) if name == "circle" else (shape["rx"], shape["ry"])
        return _ellipse(shape["cx"], shape["cy"], rx, ry, theta=float(shape.get("theta", 0)))
    if name == "rect":
        x, y, w, h = (float(shape[key]) for key in ("x", "y", "width", "height"))
        return ((x, y), (x + w, y), (x + w, y + h), (x, y + h))
    if name == "point":
        return ((float(shape["cx"]), float(shape["cy"])),)
    raise UserError(f"region shape {name!r} is none of polygon, polyline, circle, ellipse, rect, point")


def _ellipse(cx: float, cy: float, rx: float, ry: float, *, theta: float) -> Outline:
    points = []
    for step in range(_SEGMENTS):
        angle = 2 * math.pi * step / _SEGMENTS
        u, v = rx * math.cos(angle), ry * math.sin(angle)
        x, y = u * math.cos(theta) - v * math.sin(theta), u * math.sin(theta) + v * math.cos(theta)
        points.append((cx + x, cy + y))
    return tuple(points)


def read_via(path: PathLike) -> dict[str, list[tuple[str, Outline]]]:
    """Regions of a VIA 2 CSV by image."""
    table: dict[str, list[tuple[str, Outline]]] = {}
    for row in read_rows(path):
        name = row.get("filename", "")
        try:
            shape = json.loads(row.get("region_shape_attributes") or "{}")
            points = outline(shape)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise UserError(f"{path}: a region of {name!r} cannot be read ({error!r})") from error
        if points:
            table.setdefault(name.rsplit(".", 1)[0].strip(), []).append((str(shape["name"]), points))
    return table
