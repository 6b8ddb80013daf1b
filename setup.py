"""Put the bundles into the wheel: mammozoo/_bundles/NAME, configurations, cards and safetensors weights."""

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
KEPT = ("configs/*", "docs/*", "LICENSE", "large_files.yml", "models/*.safetensors")


class BuildWithBundles(build_py):
    """`build_py`, then a copy of each bundle."""

    def run(self) -> None:
        """Build the package, then add the bundles."""
        super().run()
        if self.editable_mode:  # a clone uses bundles/ itself
            return
        for bundle in sorted((ROOT / "bundles").iterdir()):
            for file in sorted(file for pattern in KEPT for file in bundle.glob(pattern) if file.is_file()):
                target = Path(self.build_lib, "mammozoo", "_bundles", file.relative_to(ROOT / "bundles"))
                self.mkpath(str(target.parent))
                self.copy_file(str(file), str(target))


setup(cmdclass={"build_py": BuildWithBundles})
