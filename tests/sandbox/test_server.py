"""The server: it comes up, goes away without a trace, and keeps its own time."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from tests.sandbox.conftest import NOW
from vp_jupyter.sandbox import Sandbox
from vp_jupyter.sandbox.clock import Clock


def port_of(sandbox):
    return httpx.URL(sandbox.base_url).port


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_it_answers_when_start_returns_and_leaves_no_thread_or_socket_behind():
    before = set(threading.enumerate())
    with Sandbox(months=0) as sandbox:
        port = port_of(sandbox)
        assert httpx.get(f"{sandbox.base_url}/instant-deploy-presets/").status_code == 200
    assert set(threading.enumerate()) == before
    assert not listens(port)


def test_stopping_does_not_wait_for_a_client_that_sits_on_half_a_request():
    with Sandbox(months=0) as sandbox, socket.create_connection(("127.0.0.1", port_of(sandbox))) as idler:
        idler.sendall(b"POST /api/v1/storage/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n\r\n{")
        sandbox.stop()
        idler.settimeout(5)
        assert idler.recv(1) == b""  # closed by the server


def test_it_runs_beside_an_event_loop_as_in_a_notebook():
    async def cell():
        with Sandbox(months=0) as sandbox:
            async with httpx.AsyncClient() as client:
                return (await client.get(f"{sandbox.base_url}/bare-metal/locations")).status_code

    assert asyncio.run(cell()) == 200


def test_it_touches_no_signal_handler():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with Sandbox(months=0):
        assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_stopped_and_started_again_it_goes_on_with_its_state():
    sandbox = Sandbox(months=0)
    with sandbox:
        sandbox.cloud.keys.add(
            "left behind", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQDAKOgHv82A6Oi7AWLvBC9N..."
        )
    with sandbox:
        headers = {"x-api-token": sandbox.api_key}
        keys = httpx.get(f"{sandbox.base_url}/organization/ssh-keys", headers=headers).json()
    assert [key["name"] for key in keys["results"]] == ["left behind"]


def test_a_taken_port_is_one_sentence():
    with Sandbox(months=0) as first, pytest.raises(OSError, match=f"cannot have port {port_of(first)}"):
        Sandbox(months=0, port=port_of(first)).start()


def test_without_fastapi_the_import_names_what_to_install():
    script = "import sys; sys.modules['fastapi'] = None\nimport vp_jupyter.sandbox"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert 'ImportError: The sandbox needs fastapi: pip install "vp_jupyter[demo]".' in run.stderr


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:80", "localhost@x", ""]
)
def test_a_foreign_host_is_refused(sandbox, api, host):
    answer = api.get("/locations/", headers={"Host": host})
    assert answer.status_code == 400
    assert "Host" in answer.json()["detail"]


@pytest.mark.parametrize("host", ["127.0.0.1:1", "LOCALHOST", "localhost:8765", "[::1]:80", "[::1]"])
def test_its_own_names_are_accepted(api, host):
    assert api.get("/locations/", headers={"Host": host}).status_code == 200


def test_every_answer_carries_the_simulated_time_and_who_gave_it(sandbox, api):
    sandbox.advance(timedelta(days=1))
    for path in ("/locations/", "/locations/nonsense", "/no-such-path"):
        headers = api.get(path).headers
        assert headers.get_list("date") == ["Fri, 21 Aug 2026 12:00:00 GMT"]
        assert headers.get_list("server") == ["voltage-park-sandbox"]


def test_a_body_beyond_two_megabytes_is_refused_and_one_below_is_read(api):
    refused = api.post("/validate/cloudinit", content=b" " * (2 * 1024**2 + 1))
    assert (refused.status_code, "larger than" in refused.json()["detail"]) == (413, True)
    assert api.post("/validate/cloudinit", content=b" " * (2 * 1024**2)).status_code == 422


def test_the_clock_runs_at_its_scale_and_never_backwards():
    tick = 0.0
    clock = Clock(NOW, scale=600, ticker=lambda: tick)
    assert clock.now() == NOW
    tick = 1.0005
    assert clock.now() == NOW + timedelta(seconds=600.3)
    clock.advance(timedelta(hours=1))
    assert clock.now() == NOW + timedelta(hours=1, seconds=600.3)
    with pytest.raises(ValueError, match="forward"):
        clock.advance(timedelta(seconds=-1))


def test_an_advance_beyond_the_calendar_is_refused_and_changes_nothing():
    clock = Clock(NOW, scale=0)
    with pytest.raises(OverflowError):
        clock.advance(timedelta(days=3_000_000))
    assert clock.now() == NOW


def test_a_request_whose_sender_left_half_way_is_not_carried_out(sandbox, api):
    body = b'{"name": "halfway", "size_in_gb": 1}'
    with socket.create_connection(("127.0.0.1", port_of(sandbox))) as leaver:
        head = f"POST /api/v1/storage/ HTTP/1.1\r\nHost: 127.0.0.1\r\nx-api-token: {sandbox.api_key}\r\n"
        leaver.sendall(f"{head}Content-Length: {len(body) + 1}\r\n\r\n".encode() + body)
    assert "halfway" not in api.get("/storage/").text


def test_time_scale_and_months_that_make_no_sense_are_refused():
    for wrong in ({"time_scale": -1}, {"time_scale": float("nan")}, {"months": -1}, {"months": 1000}):
        with pytest.raises(ValueError, match="is"):
            Sandbox(**wrong)
    with pytest.raises(ValueError, match="time zone"):
        Sandbox(now=datetime(2026, 8, 20))


def everything(sandbox):
    """All that the API shows, as one text."""
    paths = [
        "locations/?limit=15",
        "instant-deploy-presets/",
        "virtual-machines/?limit=50",
        "bare-metal/?limit=50",
        "billing/transactions?limit=100",
        "billing/reports/2026/8/transactions",
        "organization",
        "organization/ssh-keys",
        "storage/",
    ]
    headers = {"x-api-token": sandbox.api_key}
    return json.dumps([httpx.get(f"{sandbox.base_url}/{path}", headers=headers).json() for path in paths])


def test_the_same_seed_and_time_answer_identically_and_another_seed_does_not():
    def told(seed):
        with Sandbox(seed, now=NOW, time_scale=0, months=2) as sandbox:
            return sandbox.api_key, everything(sandbox)

    assert told(3) == told(3)
    assert told(3) != told(4)


def test_the_clock_starts_at_the_real_time():
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    assert before <= Sandbox(months=0).cloud.now() <= datetime.now(UTC)
