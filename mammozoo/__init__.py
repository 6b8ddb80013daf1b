# SPDX-License-Identifier: Apache-2.0
"""MammoZoo: MONAI bundles for mammography and the library they share."""

from __future__ import annotations

__all__ = ["__version__", "require"]

__version__ = "0.1.0"


def require(version: str) -> None:
    """Stop when this library is not of the release series that a bundle was made for.

    Two released zips carry their own copy of this library; the first one imported in a process serves
    both, so a bundle of another series must not run on it silently.

    Parameters
    ----------
    version : str
        ``"major.minor"`` (or longer; only the first two parts count) that the bundle was made for.

    Raises
    ------
    RuntimeError
        If the imported library is of another series.

    Examples
    --------
    >>> require(__version__)
    """
    wanted = version.split(".")[:2]
    if wanted != __version__.split(".")[:2]:
        msg = (
            f"this bundle was made for mammozoo {'.'.join(wanted)}, but mammozoo {__version__} is imported from "
            f"{__path__[0]}; use a bundle and a library of the same release, or run the bundles in two processes"
        )
        raise RuntimeError(msg)
