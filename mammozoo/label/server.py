# SPDX-License-Identifier: Apache-2.0
"""The annotation server's process: ``python -m mammozoo.label.server`` in MONAI Label's environment.

`mammozoo.label.start` sets the environment variables and starts it; it takes no arguments.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from .guard import Guard


def application(*, port: int, token: str) -> Guard:
    """MONAI Label's application with the page's routes, behind the guard."""
    # For this process alone: MONAI Label 0.8.5 cannot start a training with this setting in its environment
    # (its settings are dumped as JSON, which addresses are not).
    os.environ["MONAI_LABEL_CORS_ORIGINS"] = json.dumps([f"http://127.0.0.1:{port}"])
    from monailabel.app import app

    del os.environ["MONAI_LABEL_CORS_ORIGINS"]
    from .routes import add_error_answers, page_files, resume_segmentations, router, stop_training

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with app.router.lifespan_context(app):
            resume_segmentations()
            yield
            stop_training()

    # Our routes come first; MONAI Label's application answers the rest, and starts and ends with ours.
    page = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    add_error_answers(page)
    add_error_answers(app)
    page.include_router(router)
    page.mount("/page", page_files(), name="page")
    page.mount("/", app)
    return Guard(page, port=port, token=token)


def main() -> None:
    """Serve on 127.0.0.1 until told to stop."""
    port = int(os.environ["MONAI_LABEL_SERVER_PORT"])
    guard = application(port=port, token=os.environ.get("MAMMOZOO_LABEL_TOKEN", ""))
    uvicorn.run(guard, host="127.0.0.1", port=port, log_level="warning", server_header=False)


if __name__ == "__main__":
    main()
