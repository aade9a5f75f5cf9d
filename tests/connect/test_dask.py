"""Machines as one Dask cluster."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from vp_jupyter.connect import cluster, versions
from vp_jupyter.connect.remote import output

from .conftest import until

distributed = pytest.importorskip("distributed")
pytest.importorskip("cryptography")

PYTHON = f"--interpreter {sys.executable}"


def processes(link) -> int:
    """How many of Dask's processes there are on a machine."""
    return int(output(link, "pgrep -fc 'distributed[.]cli'")[1] or 0)


def test_two_machines_compute_together_and_leave_nothing(vp, shell, ada):
    card = vp(f"dask ada bob {PYTHON}")
    try:
        client = shell.user_ns["client"]
        assert isinstance(client, distributed.Client)
        workers = client.scheduler_info(-1)["workers"]
        assert len(workers) == 2
        assert len({one["name"] for one in workers.values()}) == 2
        total = client.submit(sum, [client.submit(pow, number, 2, pure=False) for number in range(10)])
        assert total.result(timeout=60) == 285
        everywhere = client.run(lambda: os.environ["HOME"])
        assert len(everywhere) == 2
        assert "http://127.0.0.1:" in repr(card)
        assert "There is a Dask cluster of this notebook already" in (vp("dask ada"), vp.printed)[1]
    finally:
        said = vp("dask --stop")
    assert "its 2 machines go on" in said
    until(lambda: processes(ada) == 0)
    vp("dask --stop")
    assert "There is no Dask cluster of this notebook." in vp.printed


def test_workers_fetch_from_each_other_wherever_they_are(fleet, links, ada):
    """The sandbox's machines, where they are confined, have nothing in common but this computer."""
    bob = links.to(fleet.ssh, fleet.target("bob"))
    made = cluster.Cluster([cluster.Node(ada, sys.executable, 0), cluster.Node(bob, sys.executable, 2)])
    try:
        client = made.client
        workers = list(client.scheduler_info(-1)["workers"])
        assert len(workers) == 3
        parts = [
            client.submit(pow, 2, index, workers=[where], pure=False) for index, where in enumerate(workers)
        ]
        for where in workers:
            total = client.submit(lambda *got: sum(got), *parts, workers=[where], pure=False)
            assert total.result(timeout=60) == 7
    finally:
        made.close()


def test_the_nodes_of_a_rental_are_a_cluster_each_with_a_worker(vp, shell):
    vp(f"dask big {PYTHON} --as nodes")
    assert len(shell.user_ns["nodes"].scheduler_info(-1)["workers"]) == 2
    vp("dask --stop")


#: Gives a machine a driver that says it has two GPUs.
_TWO_GPUS = """
mkdir -p bin
cat >bin/nvidia-smi <<'END'
#!/bin/sh
echo 'GPU 0: NVIDIA H100'
echo 'GPU 1: NVIDIA H100'
END
chmod +x bin/nvidia-smi
echo 'PATH=$HOME/bin:$PATH' >.profile
"""


def test_a_machine_with_gpus_has_a_worker_for_each(fleet, links, ada):
    output(ada, _TWO_GPUS)
    try:
        assert cluster.gpu_count(ada) == 2
    finally:
        output(ada, "rm -r bin .profile")
    assert cluster.gpu_count(ada) == 0
    made = cluster.Cluster([cluster.Node(ada, sys.executable, 2)])
    try:
        seen = made.client.run(lambda: os.environ["CUDA_VISIBLE_DEVICES"])
        assert sorted(seen.values()) == ["0", "1"]
    finally:
        made.close()


def test_nobody_without_the_clusters_key_gets_in(links, ada):
    made = cluster.Cluster([cluster.Node(ada, sys.executable, 0)])
    try:
        address = made.client.scheduler.address
        stranger = distributed.Security.temporary()
        for security, where in ((stranger, address), (None, address.replace("tls", "tcp"))):
            with pytest.raises((OSError, TimeoutError)):
                distributed.Client(where, security=security, timeout="1s")
    finally:
        made.close()


def test_a_variable_of_the_user_is_not_overwritten(vp, shell):
    shell.user_ns["client"] = "mine"
    vp(f"dask ada {PYTHON}")
    assert "There is something else in client already: --as NAME" in vp.printed
    assert shell.user_ns["client"] == "mine"


def test_a_machine_with_other_versions_is_refused_with_what_makes_them_equal(vp, ada):
    output(ada, "python3 -m venv --without-pip bare")
    vp("dask ada --interpreter ~/bare/bin/python")
    assert "ada has no dask, no distributed" in vp.printed
    assert "%%vp run ada --all-nodes" in vp.printed
    assert f"distributed=={distributed.__version__}" in vp.printed


def test_what_clashes_is_the_release_of_what_talks_and_the_generation_of_what_is_sent():
    here = versions.Python("/p", "3.11", {"dask": "2026.8.0", "distributed": "2026.8.0", "numpy": "2.4.6"})

    def with_(release="3.11", **packages):
        return versions.Python("/p", release, {**here.packages, **packages})

    assert versions.differences(here, with_(numpy="2.1.0")) == []
    assert versions.differences(here, with_(release="3.12")) == ["Python 3.12 (here 3.11)"]
    assert versions.differences(here, with_(numpy="1.26.4")) == ["numpy 1.26.4 (here 2.4.6)"]
    assert versions.differences(here, with_(dask="2026.7.1")) == ["dask 2026.7.1 (here 2026.8.0)"]


def test_a_process_that_ends_at_once_says_what_it_said(ada):
    output(ada, "python3 -m venv --without-pip bare")
    _, home, _ = output(ada, "printf %s $HOME")
    with pytest.raises(cluster.ConnectionFailed, match=r"A Dask process on ada ended: .*distributed"):
        cluster.Cluster([cluster.Node(ada, f"{home}/bare/bin/python", 0)])


def test_a_cluster_ends_with_its_notebook(fleet, ada):
    """Also with one that is killed."""
    program = (
        "import os, sys\n"
        "from vp_jupyter.api import Client\n"
        "from vp_jupyter.connect import Links, Ssh, target\n"
        "from vp_jupyter.connect.cluster import Cluster, Node\n"
        f"machine = Client({fleet.sandbox.api_key!r}, {fleet.sandbox.base_url!r}).machines.find('ada')\n"
        "link = Links().to(Ssh(), target(machine, user='user'))\n"
        "cluster = Cluster([Node(link, sys.executable, 0)])\n"
        "assert cluster.client.submit(max, 1, 2).result() == 2\n"
        "os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], timeout=90)
    assert done.returncode == -9
    until(lambda: processes(ada) == 0)
