# SPDX-License-Identifier: Apache-2.0
"""Where the mammograms come from and finished segmentations go to: a folder, or a DICOMweb server."""

from __future__ import annotations

import dataclasses
import json
import logging
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Protocol

from ..._typing import PathLike
from ...io.errors import MammogramError
from ...io.summary import HeaderSummary, header_summary, metadata_summary
from ...io.write import path_digest, write_bytes, write_json
from .dicomweb import DicomWeb, is_dicomweb
from .studies import Studies, StudyImage, check_header, dicom_image, list_studies

logger = logging.getLogger(__name__)


class Source(Protocol):
    """What annotation needs to know of a place with mammograms."""

    def list(self, *, again: bool = False) -> Studies:
        """Everything that is there; `again` asks the place, else what was found last may be told."""

    def file(self, image: StudyImage) -> Path:
        """The image's file on this machine; fetched where it must be."""

    def deliver(self, segmentation: Path) -> str:
        """Hand over a finished DICOM SEG; return what became of it, ``written`` or ``stored``."""


class FolderSource:
    """A folder on this machine. Nothing is ever written there: segmentations stay in the workspace."""

    def __init__(self, root: PathLike, *, exclude: PathLike) -> None:
        self.root, self.exclude = Path(root), Path(exclude)

    def list(self, *, again: bool = False) -> Studies:
        """Search the folder."""
        return list_studies(self.root, exclude=self.exclude)

    def file(self, image: StudyImage) -> Path:
        """The file itself."""
        return image.path

    def deliver(self, segmentation: Path) -> str:
        """Leave it where it is."""
        return "written"


class DicomWebSource:
    """A DICOMweb server, as a PACS has one. Images are fetched when they are first needed, and kept."""

    def __init__(self, client: DicomWeb, cache: PathLike) -> None:
        self.client, self.cache = client, Path(cache)
        self._lock = threading.Lock()

    def list(self, *, again: bool = False) -> Studies:
        """Headers of all mammograms of the server; segmentations of their studies are fetched."""
        record = self.cache / "list.json"
        if not again and record.is_file():
            return _recall(record)
        images: dict[str, StudyImage] = {}
        segmentations: list[Path] = []
        left_out: list[tuple[str, str]] = []
        for number, study in enumerate(sorted(self.client.studies(modality="MG")), start=1):
            for series, modality in self.client.series(study):
                if modality not in ("MG", "SEG"):
                    continue
                for count, header in enumerate(self._headers(study, series), start=1):
                    name = f"study {number:03d}/{modality} {count:02d}"
                    try:
                        if modality == "SEG":
                            segmentations.append(self._fetch(study, series, header.sop_instance_uid))
                            continue
                        image = self._image(header, name=name, series=(study, series))
                        images.setdefault(image.id, image)
                    except MammogramError as error:
                        left_out.append((name, str(error)))
        ordered = tuple(sorted(images.values(), key=lambda image: image.name))
        found = Studies(ordered, tuple(segmentations), tuple(left_out))
        write_json(record, dataclasses.asdict(found))
        return found

    def file(self, image: StudyImage) -> Path:
        """The image in the cache, fetched where it is not there yet."""
        return self._fetch(*image.series, image.id)

    def deliver(self, segmentation: Path) -> str:
        """Store it on the server (STOW-RS)."""
        self.client.store(segmentation)
        return "stored"

    def _headers(self, study: str, series: str) -> Iterator[HeaderSummary]:
        for attributes in self.client.metadata(study, series):
            header = metadata_summary(attributes)
            if header.sop_instance_uid:
                yield header

    def _image(self, header: HeaderSummary, *, name: str, series: tuple[str, str]) -> StudyImage:
        check_header(header, name)
        path, group = self._place(header.sop_instance_uid), path_digest(series[0])[:16]
        return dicom_image(header, path=path, name=name, group=group, series=series)

    def _place(self, instance: str) -> Path:
        return self.cache / f"{instance}.dcm"

    def _fetch(self, study: str, series: str, instance: str) -> Path:
        path = self._place(instance)
        with self._lock:
            if not path.is_file():
                content = self.client.retrieve(study, series, instance)
                write_bytes(path, content)
                if header_summary(path).sop_instance_uid != instance:
                    path.unlink()
                    msg = f"{self.client.where} sent another instance than the one asked for"
                    raise MammogramError(msg)
        return path


def open_source(studies: PathLike, workspace: PathLike, environment: Mapping[str, str]) -> Source:
    """The source that ``--studies`` names, a folder or a DICOMweb address; the environment may hold a login."""
    if is_dicomweb(studies):
        return DicomWebSource(DicomWeb.from_environment(str(studies), environment), Path(workspace, "dicom"))
    if not Path(studies).is_dir():
        msg = f"--studies {studies} is neither a folder nor a DICOMweb address (http://...)"
        raise NotADirectoryError(msg)
    return FolderSource(studies, exclude=workspace)


def _recall(record: Path) -> Studies:
    content = json.loads(record.read_text(encoding="utf-8"))
    images = tuple(_image_of(item) for item in content["images"])
    paths = tuple(Path(path) for path in content["segmentations"])
    return Studies(images, paths, tuple((name, reason) for name, reason in content["left_out"]))


def _image_of(item: dict[str, object]) -> StudyImage:
    spacing, series = item.pop("pixel_spacing"), item.pop("series")
    path = Path(str(item.pop("path")))
    pair = None if spacing is None else tuple(spacing)  # type: ignore[arg-type,var-annotated]
    return StudyImage(path=path, pixel_spacing=pair, series=tuple(series), **item)  # type: ignore[arg-type]
