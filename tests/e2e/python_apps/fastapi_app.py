"""A FastAPI service under uvicorn whose route gathers several failures in an ExceptionGroup."""

from __future__ import annotations

import asyncio
import socket
import urllib.error
import urllib.request
from typing import NoReturn

import fastapi
import reporting
import sentry_sdk
import uvicorn
from sentry_sdk.integrations.fastapi import FastApiIntegration
from sentry_sdk.integrations.starlette import StarletteIntegration

reporting.start(integrations=[StarletteIntegration(), FastApiIntegration()])
app = fastapi.FastAPI()


def ask(supplier: str) -> NoReturn:
    """Fail in the way of the supplier."""
    if supplier == "east":
        raise TimeoutError("east did not answer")
    raise ValueError("west sent nonsense")  # west


@app.get("/offers/{article}")
async def offers(article: str) -> dict[str, str]:
    """Ask all suppliers and fail as all of them did."""
    failures: list[Exception] = []
    for supplier in ("east", "west"):
        try:
            ask(supplier)
        except (TimeoutError, ValueError) as error:
            failures.append(error)
    raise ExceptionGroup(f"no offer for {article}", failures)  # crash


def visit(port: int) -> int:
    """Return the status of one request."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/offers/lamp", timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


async def main() -> None:
    """Serve one request."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical"))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.01)
        print("status", await asyncio.to_thread(visit, listener.getsockname()[1]))
        server.should_exit = True
        await serving


asyncio.run(main())
sentry_sdk.flush()
