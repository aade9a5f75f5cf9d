"""A launch is one machine, whatever happens to its request and to its answer."""

from __future__ import annotations

import os

import pytest

from vp_jupyter.api import Client, OutcomeUnknown, Patience, VoltageParkError
from vp_jupyter.sandbox import Sandbox
from vp_jupyter.sandbox.faults import Faults

SCHEDULES = int(os.environ.get("VP_TEST_SCHEDULES", "40"))  # 10000 for the long run

#: Seconds; a schedule's faults last up to 0.1, so what is late comes within the look.
QUICK = Patience(connect=1, phase=0.08, pause=0.002, budget=5, look=0.25)


@pytest.fixture(scope="module")
def cloud():
    with Sandbox(seed=7, months=0, time_scale=0) as one:
        yield one


def launched(sandbox):
    """The machines that there are, in the service's own books."""
    with sandbox.cloud.lock:
        return [*sandbox.cloud.vms.all(), *sandbox.cloud.rentals.all()]


def clear(sandbox):
    with sandbox.cloud.lock:
        for vm in sandbox.cloud.vms.all():
            sandbox.cloud.vms.delete(vm)
        for rental in sandbox.cloud.rentals.all():
            sandbox.cloud.rentals.delete(rental)


def what_came_of(seed, sandbox, launch):
    """Launch under a drawn schedule; gives how it ended, by what was said and by the books."""
    faults = sandbox.faults = Faults.drawn(seed, seconds=0.05)
    try:
        deployed, said = launch(f"machine-{seed}"), "launched"
    except OutcomeUnknown as error:
        deployed, said = None, "looked" if error.looked else "unknown"
    except VoltageParkError:
        deployed, said = None, "failed"
    sandbox.faults = None
    machines = launched(sandbox)
    clear(sandbox)
    story = f"seed {seed}: {[(method, path, fault) for method, path, fault in faults.met]}"
    assert len(machines) <= 1, f"launched twice, {story}"
    if said == "launched":
        assert [str(one.id) for one in machines] == [deployed.id], f"reported, not launched, {story}"
    if said in ("failed", "looked"):
        assert machines == [], f"launched, not reported ({said}), {story}"
    return said


@pytest.mark.parametrize("kind", ["vm", "metal"])
def test_no_launch_is_doubled_lost_or_imagined(cloud, kind):
    with Client(cloud.api_key, cloud.base_url, patience=QUICK) as client:
        offer = next(
            one for one in client.offers() if one.kind == kind and one.gpus in (1, 8) and not one.sold_out
        )

        def launch(name):
            if kind == "vm":
                return client.vms.launch(offer.id, name)
            return client.metal.launch(offer.id, name, gpu_count=8, network_type=offer.network)

        ends = [what_came_of(seed, cloud, launch) for seed in range(SCHEDULES)]
    counts = {end: ends.count(end) for end in sorted(set(ends))}
    print(f"{kind}: {counts}")
    assert counts["launched"] > SCHEDULES / 2
    assert counts["looked"]
