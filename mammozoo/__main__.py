# SPDX-License-Identifier: Apache-2.0
"""``python -m mammozoo``: the command line from a clone, without installation."""

from .cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
