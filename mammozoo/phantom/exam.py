# SPDX-License-Identifier: Apache-2.0
"""One synthetic exam: four views of one woman, with the truth."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .._typing import Array, Mask
from .anatomy import FRAME_HEIGHT, Anatomy, Grid, Shape, build_anatomy, draw_shape, other_breast
from .image import burn_tag, expose, mammogram_signal, subtracted_signal
from .lesions import LesionPlan, Mass, draw_mass, mass_mask, place_masses, plan_lesions
from .texture import coarse_field
from .tissue import Tissue, draw_tissue, gland_envelope

__all__ = ["KINDS", "PhantomView", "make_exam", "patient_name"]

KINDS = ("mammography", "low_energy", "subtracted")
#: Long side above which only fine detail and noise are drawn at full size.
WORKING_SIDE = 1024
#: ACR density by patient number; about as frequent as in screening, out of step with the lesions' turns.
_DENSITIES = "BCBACDBC"


@dataclass(frozen=True, eq=False)
class PhantomView:
    """One view with its truth."""

    pixels: Array
    lesion_mask: Mask
    breast_mask: Mask
    pectoral_mask: Mask
    boxes: tuple[tuple[int, int, int, int], ...]
    class_name: str
    laterality: str
    view_position: str
    density: str
    patient: int
    patient_id: str
    pixel_spacing: tuple[float, float]
    lesion_size: str
    margin: str
    nipple_distances: tuple[float, ...]
    kind: str


@dataclass(frozen=True, eq=False)
class _Patient:
    """What all views of a patient share."""

    number: int
    plan: LesionPlan
    density: str
    side: str
    shapes: dict[str, Shape]
    fields: dict[str, Array]
    masses: list[Mass]
    calcified: bool
    uptakes: list[tuple[float, bool]]
    background: float


def patient_name(patient: int) -> str:
    """Patient id of a patient number."""
    return f"SYNTHETIC-{patient:03d}"


def make_exam(
    patient: int, *, seed: int = 0, size: tuple[int, int] = (1024, 832), kind: str = "mammography"
) -> tuple[PhantomView, ...]:
    """Make the four standard views of a synthetic patient.

    Parameters
    ----------
    patient : int
        From 0; it decides class, lesion size, margin and density, so that the first 24 hold every kind.
    seed : int
        Decides everything else. The same seed gives the same bytes.
    size : (int, int)
        (rows, columns) of the images. The image field is 240 mm high at any size, so a larger image
        shows the same breast in finer pixels; columns / rows must lie between 0.5 and 1.5.
    kind : {"mammography", "low_energy", "subtracted"}
        The low-energy and the subtracted image of a contrast exam show the same anatomy.

    Returns
    -------
    tuple of PhantomView
        L CC, L MLO, R CC, R MLO. Right views are mirrored: their chest wall is at the right border.

    Raises
    ------
    ValueError
        If the patient or the seed is negative, the size is out of range, or the kind is none.

    Notes
    -----
    A lesion lies in one breast and shows in both of its views at about the same distance from the nipple.

    Examples
    --------
    >>> views = make_exam(0, size=(128, 104))
    >>> [(v.laterality, v.view_position) for v in views]
    [('L', 'CC'), ('L', 'MLO'), ('R', 'CC'), ('R', 'MLO')]
    """
    _check(patient, seed=seed, size=size, kind=kind)
    grid = Grid(*size)
    scale = min(1.0, WORKING_SIDE / max(size))
    working = Grid(max(1, round(size[0] * scale)), max(1, round(size[1] * scale)))
    woman_rng, *view_rngs = np.random.default_rng([seed, patient]).spawn(5)
    woman = _draw_patient(woman_rng, patient, frame_width=grid.frame_width)
    distances: list[float] | None = None
    views = []
    for number, (side, position) in enumerate((s, p) for s in "LR" for p in ("CC", "MLO")):
        place_rng, tissue_rng, noise_rng = view_rngs[number].spawn(3)
        masses: list[Mass] = []
        if woman.masses and side == woman.side:
            masses = _place(place_rng, woman, position=position, grid=working, distances=distances)
            distances = _nipple_distances(masses, woman.shapes[side], position=position, grid=working)
        views.append(
            _view(
                tissue_rng,
                noise_rng,
                woman,
                masses,
                side=side,
                position=position,
                grids=(working, grid),
                kind=kind,
            )
        )
    return tuple(views)


def _check(patient: int, *, seed: int, size: tuple[int, int], kind: str) -> None:
    if patient < 0 or seed < 0:
        msg = f"patient {patient} and seed {seed} must not be negative"
        raise ValueError(msg)
    if min(size) < 64 or not 0.5 <= size[1] / size[0] <= 1.5:
        wanted = "(rows, columns), each 64 or more, columns / rows from 0.5 to 1.5"
        msg = f"size {size} is out of range; expected {wanted}"
        raise ValueError(msg)
    if kind not in KINDS:
        msg = f"kind {kind!r} is none of {', '.join(KINDS)}"
        raise ValueError(msg)


def _draw_patient(rng: np.random.Generator, patient: int, *, frame_width: float) -> _Patient:
    shape_rng, field_rng, mass_rng = rng.spawn(3)
    plan = plan_lesions(patient)
    left = draw_shape(shape_rng, frame_width=frame_width, roomy=plan.size in ("medium", "large"))
    area = frame_width * FRAME_HEIGHT
    sizes = [plan.size if k == 0 else "small" for k in range(plan.masses)]
    masses = [draw_mass(mass_rng, plan=plan, size=size, frame_area=area) for size in sizes]
    malignant = plan.class_name == "malignant"
    uptakes = [
        (
            float(mass_rng.uniform(0.22, 0.42) if malignant else mass_rng.uniform(0.02, 0.14)),
            bool(mass_rng.random() < 0.4),
        )
        for _ in masses
    ]
    return _Patient(
        number=patient,
        plan=plan,
        density=_DENSITIES[(patient + patient // 24) % len(_DENSITIES)],
        side="LR"[int(mass_rng.integers(2))],
        shapes={"L": left, "R": other_breast(shape_rng, left)},
        fields={position: coarse_field(field_rng) for position in ("CC", "MLO")},
        masses=masses,
        calcified=bool(mass_rng.random() < 0.35),
        uptakes=uptakes,
        background=float(mass_rng.uniform(0.02, 0.16)),
    )


def _place(
    rng: np.random.Generator, woman: _Patient, *, position: str, grid: Grid, distances: list[float] | None
) -> list[Mass]:
    """Give the masses of a view their places; the outline is the same but turned: another projection."""
    coarse = Grid(240, max(1, round(240 * grid.width / grid.height)))  # 1 mm: places do not depend on the size
    anatomy = build_anatomy(woman.shapes[woman.side], view_position=position, grid=coarse)
    likely = np.clip(gland_envelope(anatomy) + 0.25, 0.0, 1.0)
    turned = []
    for mass in woman.masses:
        turn = float(rng.uniform(0.0, 2.0 * np.pi))
        waves = tuple((a, phase - k * turn) for k, (a, phase) in enumerate(mass.waves, start=2))
        spicules = tuple((s[0] + turn, *s[1:]) for s in mass.spicules)
        turned.append(replace(mass, waves=waves, spicules=spicules, hidden_side=mass.hidden_side + turn))
    centers = place_masses(rng, turned, anatomy, likely, distances=distances)
    return [replace(mass, center=center) for mass, center in zip(turned, centers, strict=True)]


def _nipple_distances(masses: list[Mass], shape: Shape, *, position: str, grid: Grid) -> list[float]:
    nipple = build_anatomy(shape, view_position=position, grid=Grid(240, grid.width * 240 // grid.height)).nipple
    return [float(np.hypot(m.center[0] - nipple[0], m.center[1] - nipple[1])) for m in masses]


def _view(
    tissue_rng: np.random.Generator,
    noise_rng: np.random.Generator,
    woman: _Patient,
    masses: list[Mass],
    *,
    side: str,
    position: str,
    grids: tuple[Grid, Grid],
    kind: str,
) -> PhantomView:
    working, grid = grids
    anatomy = build_anatomy(woman.shapes[side], view_position=position, grid=working).cropped()
    tissue = draw_tissue(
        tissue_rng, anatomy, density=woman.density, shared=woman.fields[position], calcified=woman.calcified
    )
    signal = _signal(anatomy, tissue, masses, woman, kind=kind)
    full = build_anatomy(woman.shapes[side], view_position=position, grid=grid)
    subtracted = kind == "subtracted"
    pixels = expose(
        noise_rng.spawn(2)[int(subtracted)],
        np.pad(signal, ((0, 0), (0, working.width - signal.shape[1]))),
        full.breast,
        noise=0.034 if subtracted else 0.011,
        detail=0.01 if subtracted else 0.02,
    )
    bounded = full.without_abdomen()
    truths = [mass_mask(mass, grid) & bounded for mass in masses]
    lesion = np.logical_or.reduce(truths) if truths else np.zeros_like(full.breast)
    if side == "R":
        pixels, lesion = pixels[:, ::-1], lesion[:, ::-1]
        truths = [truth[:, ::-1] for truth in truths]
    breast, muscle = (m[:, ::-1] if side == "R" else m for m in (full.breast, full.muscle))
    pixels = np.ascontiguousarray(pixels)
    burn_tag(pixels, breast, text=f"{side}{position}")
    return PhantomView(
        pixels=pixels,
        lesion_mask=np.ascontiguousarray(lesion),
        breast_mask=np.ascontiguousarray(bounded[:, ::-1] if side == "R" else bounded),
        pectoral_mask=np.ascontiguousarray(muscle),
        boxes=tuple(_box(truth) for truth in truths),
        class_name=woman.plan.class_name if masses else "normal",
        laterality=side,
        view_position=position,
        density=woman.density,
        patient=woman.number,
        patient_id=patient_name(woman.number),
        pixel_spacing=(grid.spacing, grid.spacing),
        lesion_size=_size_class(lesion),
        margin=woman.plan.margin if masses else "none",
        nipple_distances=tuple(_nipple_distances(masses, woman.shapes[side], position=position, grid=working)),
        kind=kind,
    )


def _signal(anatomy: Anatomy, tissue: Tissue, masses: list[Mass], woman: _Patient, *, kind: str) -> Array:
    if kind == "subtracted":
        return subtracted_signal(
            anatomy, tissue, masses, uptakes=woman.uptakes[: len(masses)], background=woman.background
        )
    return mammogram_signal(anatomy, tissue, masses)


def _box(mask: Mask) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _size_class(mask: Mask) -> str:
    area = float(mask.mean()) * 224.0**2
    if area == 0.0:
        return "none"
    return "small" if area < 500.0 else "medium" if area <= 1500.0 else "large"
