# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mammozoo.cli.main import main
from mammozoo.io.write import write_png

ROOT = Path(__file__).resolve().parents[2]


def test_help_imports_neither_torch_nor_monai() -> None:
    code = (
        "import sys\nfrom mammozoo.cli.main import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "sys.exit(bool({'torch', 'monai', 'pydicom', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "phantom" in done.stdout


@pytest.mark.parametrize("command", ["phantom", "inspect", "bundles", "index", "audit", "predict", "check", "package"])
def test_every_command_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    assert f"mammozoo {command}" in capsys.readouterr().out


def test_phantom_then_inspect_index_and_audit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "exams"
    assert main(["phantom", "--out", str(out), "--patients", "5", "--size", "96", "80"]) == 0
    manifest = capsys.readouterr().out.strip()
    assert manifest.endswith("manifest.csv")
    files = sorted(str(path) for path in (out / "images").glob("*.dcm"))
    assert len(files) == 20
    assert main(["inspect", "--json", *files[:2]]) == 0
    reports = json.loads(capsys.readouterr().out)
    assert {report["laterality"] for report in reports} == {"L"}
    datalist = tmp_path / "datalist.json"
    assert main(["index", "manifest", manifest, "--out", str(datalist), "--check-pixels"]) == 0
    assert "20 images" in capsys.readouterr().out
    assert datalist.is_file()
    assert main(["audit", "manifest", manifest]) == 0
    assert "clean" in capsys.readouterr().out


def test_a_bad_file_gives_exit_status_one_and_no_traceback(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "bad.dcm").write_bytes(b"text")
    assert main(["inspect", str(tmp_path / "bad.dcm")]) == 1
    assert "ERROR" in capsys.readouterr().out
    assert main(["index", "manifest", str(tmp_path / "absent.csv")]) == 1
    assert capsys.readouterr().err.startswith("mammozoo: ")


def test_a_leak_gives_exit_status_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same picture under several patients' names must stand on both sides of some split."""
    rng = np.random.default_rng(0)
    image = (rng.random((64, 64)) * 255).astype(np.uint8)
    mask = np.zeros((64, 64), np.uint8)
    mask[20:30, 20:30] = 255
    rows = ["id,image,patient_id,mask"]
    for index in range(10):
        write_png(tmp_path / f"{index}.png", image)
        write_png(tmp_path / f"{index}_mask.png", mask)
        rows.append(f"i{index},{index}.png,p{index},{index}_mask.png")
    (tmp_path / "manifest.csv").write_text("\n".join(rows))
    assert main(["audit", "manifest", str(tmp_path / "manifest.csv")]) == 1
    assert "LEAK" in capsys.readouterr().out


def test_the_bundles_are_listed_the_flagship_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bundles"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("mammo_mass_segmentation ")
    assert main(["bundles", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [line.split()[0] for line in lines]
    assert {path.parents[1].name for path in (ROOT / "bundles").glob("*/configs/inference.json")} == {
        row["name"] for row in rows
    }
    assert sum(row["weights_mb"] for row in rows) < 70
