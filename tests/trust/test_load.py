"""A long time, many machines, many kernels: memory stays flat, requests polite, nothing is left behind."""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from decimal import Decimal

import psutil
import pytest

from tests.kernels import opened
from vp_jupyter import panels, tables
from vp_jupyter.api import Client
from vp_jupyter.magics import session_of
from vp_jupyter.panels.refresh import read
from vp_jupyter.sandbox import Sandbox
from vp_jupyter.sandbox.faults import Fault, Faults, Rule, Throttle

WEEK = timedelta(days=7)
TURNS = 12


@pytest.fixture(scope="module")
def sandbox():
    """A cloud with 200 machines, whose clock is moved by hand."""
    with Sandbox(seed=7, months=1, time_scale=0) as one:
        books = one.cloud
        with books.lock:
            presets = list(books.catalog.presets)
            for place, node in enumerate(books.catalog.hostnodes.values()):
                node.let, node.ports = -1000, range(20_000 + 400 * place, 20_400 + 400 * place)
            world = books.world
            world.ledger.pay_in(world.new_id(), "stripe_deposit", Decimal(1_000_000), books.now())
            while len(books.vms.all()) < 200:
                books.vms.launch(presets[0], f"machine-{len(books.vms.all())}", tags=["team:a"])
        yield one


@pytest.fixture
def session(shell):
    return session_of(shell)


def test_panels_of_200_machines_stay_flat_in_memory_for_a_week(sandbox, session):
    shown = [kind(session) for kind in (panels.Machines, panels.Launcher, panels.Prices)]
    needs = frozenset().union(*(panel.needs for panel in shown))

    def turns(number):
        for _ in range(number):
            sandbox.advance(WEEK / TURNS)
            for panel in shown:
                panel.receive(read(session, needs))
        gc.collect()
        return len(gc.get_objects()), psutil.Process().memory_info().rss

    turns(TURNS // 3)
    objects, resident = turns(TURNS // 3)
    objects_after, resident_after = turns(TURNS // 3)
    assert len(shown[0].grid.rows) >= 200
    assert objects_after < 1.02 * objects
    assert resident_after < resident + 16 * 2**20
    for panel in shown:
        panel.close()


def test_100_000_transactions_are_summed_to_the_last_digit(sandbox):
    with Client(sandbox.api_key, sandbox.base_url) as client:
        period = client.billing.history(client.now().date().replace(day=1), client.now().date())[0]
    lines = period.transactions
    many = period._replace(transactions=(lines * (100_000 // len(lines) + 1))[:100_000])
    frame = tables.transactions([many])
    exact = sum((one.period_amount for one in many.transactions), start=Decimal(0))
    assert len(frame) == 100_000
    assert sum(map(Decimal, frame["amount"]), start=Decimal(0)) == exact


def test_identical_reads_at_one_time_are_one_request(sandbox):
    sandbox.faults = Faults(Rule(Fault("late", seconds=0.3), times=1))
    with Client(sandbox.api_key, sandbox.base_url) as client, ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: client.billing.hourly_rate(), range(20)))
        heard, sandbox.faults = sandbox.faults.heard, None
    assert len(set(answers)) == 1
    assert heard < 10


def test_a_change_is_seen_by_the_next_read_although_an_older_one_is_under_way(sandbox):
    with Client(sandbox.api_key, sandbox.base_url) as client, ThreadPoolExecutor(1) as pool:
        machine = client.vms.list()[0]
        heard = threading.Event()
        sandbox.faults = Faults(
            Rule(Fault("late", seconds=0.5, event=heard.set), "GET", "virtual-machines/*-*")
        )
        older = pool.submit(client.vms.get, machine.id)
        heard.wait(10)
        client.vms.update(machine.id, name="changed")
        sandbox.faults = None
        assert client.vms.get(machine.id).name == "changed"
        older.result()


LOOK = """
from vp_jupyter import Client
with Client() as client:
    for _ in range(8):
        assert len(client.machines.list()) >= 200
"""


def test_three_kernels_that_are_throttled_get_their_answers_politely(sandbox):
    environment = {"VP_BASE_URL": sandbox.base_url, "VP_API_KEY": sandbox.api_key, "PATH": ""}
    sandbox.faults = Faults(throttle=Throttle(per_second=60, most=20))
    kernels = [
        subprocess.Popen([sys.executable, "-c", LOOK], env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    complaints = [kernel.communicate(timeout=120)[1] for kernel in kernels]
    faults, sandbox.faults = sandbox.faults, None
    assert [kernel.returncode for kernel in kernels] == [0, 0, 0], complaints
    assert faults.met, "nobody was throttled"
    answered = faults.heard - len(faults.met)
    assert len(faults.met) < answered / 2


def test_nothing_is_left_behind_when_a_kernel_ends(sandbox, tmp_path):
    with opened(sandbox, tmp_path) as notebook:
        for line in ("ls", "bill", "panel machines", "panel launch", "panel costs"):
            assert notebook.run(f"%vp {line}").status == "ok"
        threads = notebook.run(
            "%unload_ext vp_jupyter\n"
            "import threading, time\n"
            "def left(): return sorted(t.name for t in threading.enumerate() if t.name.startswith('vp'))\n"
            "until = time.monotonic() + 30\n"
            "while left() and time.monotonic() < until: time.sleep(0.1)\n"  # what is under way ends
            "print(left())"
        ).text
        kernel = psutil.Process(notebook.manager.provisioner.pid)
        port = int(sandbox.base_url.split(":")[2].split("/")[0])
        open_sockets = [one for one in kernel.net_connections() if one.raddr and one.raddr.port == port]
        notebook.client.shutdown()
        kernel.wait(30)
    assert threads.strip() == "[]"
    assert open_sockets == []
