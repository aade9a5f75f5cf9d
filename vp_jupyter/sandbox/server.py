"""`Sandbox`: a cloud served on loopback, from a thread of its own."""

import asyncio
import atexit
import functools
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import uvicorn

from vp_jupyter.sandbox.app import PREFIX, create_app
from vp_jupyter.sandbox.clock import Clock
from vp_jupyter.sandbox.cloud import Cloud
from vp_jupyter.sandbox.faults import Faults
from vp_jupyter.sandbox.history import seeded_cloud
from vp_jupyter.sandbox.machines import Fleet
from vp_jupyter.sandbox.weather import Weather


class Sandbox:
    """A local Voltage Park.

        with Sandbox(seed=7) as sandbox:
            client = Client(api_key=sandbox.api_key, base_url=sandbox.base_url)

    The same seed and `now` give the same ids, names and amounts. `time_scale` hurries the simulated clock
    (60: an hour a minute; 0: it stands still), `advance` moves it by hand. `months` is the length of the
    past; 0 is a new organization with nothing but a first deposit. `faults` is what goes wrong with which
    requests, and may be changed. Stopped and started again, it goes on with the state it had.
    """

    def __init__(
        self,
        seed: int = 7,
        *,
        port: int = 0,
        time_scale: float = 1.0,
        months: int = 6,
        now: datetime | None = None,
        api_key: str | None = None,
        unconfined_machines: bool = False,
        faults: Faults | None = None,
    ) -> None:
        if not 0 <= months <= 36:
            raise ValueError("months, the length of the past, is 0 to 36.")
        self._clock = Clock(datetime.now(UTC) if now is None else now, time_scale)
        self.cloud: Cloud = seeded_cloud(seed, self._clock, months, api_key)
        self._fleet = Fleet(self.cloud, unconfined=unconfined_machines)
        self.faults = faults
        self._wanted_port = port
        self._port = port
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def api_key(self) -> str:
        return self.cloud.api_key

    @property
    def base_url(self) -> str:
        if self._socket is None:
            raise RuntimeError("The sandbox has no address before it is started.")
        return f"http://127.0.0.1:{self._port}{PREFIX}"

    @property
    def remarks(self) -> list[str]:
        """What this computer does not let the machines do: a sentence each."""
        return self._fleet.remarks()

    def advance(self, by: timedelta) -> None:
        """Move the simulated clock: machines come up, and the bill grows."""
        with self.cloud.lock:
            self._clock.advance(by)
        if self._loop is not None:
            asyncio.run_coroutine_threadsafe(self._settled(), self._loop).result()

    def start(self) -> Self:
        """Serve; returns when it answers."""
        if self._thread is not None:
            return self
        # Bound here and not by the server: the address is known, and ours, from the first moment.
        self._socket = _bound(self._wanted_port)
        self._port = self._socket.getsockname()[1]
        self._server = uvicorn.Server(
            uvicorn.Config(
                Weather(
                    create_app(self.cloud, self._fleet.settle), PREFIX, lambda: self.faults, self._go_away
                ),
                loop="asyncio",
                http="h11",
                ws="none",
                lifespan="off",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,  # the door writes the simulated time
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(target=self._serve, name="vp-sandbox", daemon=True)
        self._thread.start()
        atexit.register(self.stop)
        while not self._server.started:
            if not self._thread.is_alive():
                self.stop()
                raise RuntimeError("The sandbox could not start.")
            time.sleep(0.002)
        return self

    def stop(self) -> None:
        """End the server, its thread and its socket, and the machines with their disks; the state stays."""
        atexit.unregister(self.stop)
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        if self._socket is not None:
            self._socket.close()
        self._server = self._thread = self._socket = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        where = self.base_url if self._socket is not None else "stopped"
        return f"<Sandbox {where}>"

    def _serve(self) -> None:
        # Uvicorn installs signal handlers in the main thread only, so none are touched here.
        asyncio.run(self._serve_until_told())

    async def _serve_until_told(self) -> None:
        assert self._server is not None
        assert self._socket is not None
        self._loop = asyncio.get_running_loop()
        self._fleet.open()
        try:
            await self._server.serve(sockets=[self._socket])
            for _ in range(3):  # one that is just being accepted is there a moment later
                for connection in [*self._server.server_state.connections]:
                    # A client that sits on half a request would keep its socket.
                    if connection.transport is not None:
                        connection.transport.abort()
                await asyncio.sleep(0)
        finally:
            self._loop = None
            await self._fleet.close()

    async def _go_away(self, seconds: float) -> None:
        """Break all connections and refuse new ones for a while, as a service does that starts anew."""
        server, loop = self._server, self._loop
        assert server is not None
        assert loop is not None
        gone, server.servers = server.servers, []
        for listener in gone:
            listener.close()
        for connection in [*server.server_state.connections]:
            connection.transport.abort()
        await asyncio.sleep(seconds)
        if server.should_exit or not gone:  # it was away already
            return
        self._socket = _bound(self._port)
        exchange: Any = server.config.http_protocol_class
        protocol = functools.partial(
            exchange,
            config=server.config,
            server_state=server.server_state,
            app_state=server.lifespan.state,
        )
        server.servers = [await loop.create_server(protocol, sock=self._socket)]

    async def _settled(self) -> None:
        self._fleet.settle()


def _bound(port: int) -> socket.socket:
    # Named TCP, or asyncio would not switch off Nagle, and every answer would wait 40 ms.
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind(("127.0.0.1", port))
    except OSError as refused:
        listening.close()
        raise OSError(f"The sandbox cannot have port {port} on 127.0.0.1: {refused.strerror}.") from None
    return listening
