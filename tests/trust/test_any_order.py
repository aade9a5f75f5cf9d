"""Random changes under random faults, beside a model of what there should be: what was told is what is."""

from __future__ import annotations

import os

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.support import KEY
from vp_jupyter.api import Client, OutcomeUnknown, Patience, VoltageParkError
from vp_jupyter.sandbox import Sandbox
from vp_jupyter.sandbox.faults import Faults

EXAMPLES = int(os.environ.get("VP_TEST_EXAMPLES", "10"))
QUICK = Patience(connect=1, phase=0.08, pause=0.002, budget=5, look=0.25)

FAULTS = st.one_of(st.none(), st.integers(0, 10**6))
NAMES = st.sampled_from(["a", "b", "c"])
TAGS = st.lists(st.sampled_from(["x", "y:z", "until"]), max_size=2, unique=True)


@pytest.fixture(scope="module")
def cloud():
    with Sandbox(seed=7, months=0, time_scale=0) as one:
        yield one


def test_what_was_told_is_what_is(cloud):
    reader = Client(cloud.api_key, cloud.base_url, patience=QUICK._replace(pause=0.1))
    with reader, Client(cloud.api_key, cloud.base_url, patience=QUICK) as client:
        preset = next(one for one in client.offers() if one.kind == "vm" and one.gpus == 1)

        class Account(Changes):
            sandbox, api, calm, preset_id = cloud, client, reader, preset.id

        run_state_machine_as_test(
            Account,
            settings=settings(
                max_examples=EXAMPLES,
                stateful_step_count=20,
                deadline=None,
                derandomize=True,
                phases=[Phase.explicit, Phase.generate],  # shrinking takes minutes
            ),
        )


class Changes(RuleBasedStateMachine):
    """`model` is what there should be: machines by id as (status, name, tags), volumes and keys by name."""

    @initialize()
    def begin(self):
        books = self.sandbox.cloud
        self.sandbox.faults = None
        with books.lock:
            for vm in books.vms.all():
                books.vms.delete(vm)
            for volume in books.volumes.all():
                books.volumes.delete(volume)
            for key in books.keys.all():
                books.keys.remove(key.id)
        self.model = self.books()

    def books(self):
        """What there is, by the service's own books."""
        books = self.sandbox.cloud
        with books.lock:
            now = books.now()
            machines = {}
            for vm in books.vms.all():
                tags = tuple(tag for tag in vm.tags if not tag.startswith("launch:"))
                status = "Running" if vm.power == "started" else vm.status(now)
                machines[str(vm.id)] = (status, vm.name, tags)
            volumes = {volume.name: volume.size_gb for volume in books.volumes.all()}
            keys = sorted(key.name for key in books.keys.all())
        return machines, volumes, keys

    def change(self, seed, act, expect):
        """Change something under the faults of a seed. What is told counts: a success is what was expected, a
        certain failure changes nothing, and only what is said to be in doubt may be either."""
        before, self.sandbox.faults = self.model, None if seed is None else Faults.drawn(seed, seconds=0.05)
        told, failure = None, None
        try:
            told = act()
        except VoltageParkError as error:
            failure = error
        self.sandbox.faults = None
        self.model = self.books()
        if failure is None:
            assert self.model == expect(*before, told)
        elif not failure.may_have_acted or (isinstance(failure, OutcomeUnknown) and failure.looked):
            assert self.model == before, f"{failure} But it was done."

    def some(self, place):
        """One of the machines, and one that is not there."""
        ids = [*self.model[0], "00000000-0000-4000-8000-000000000000"]
        return ids[place % len(ids)]

    @rule(seed=FAULTS, name=NAMES, tags=TAGS)
    def launch(self, seed, name, tags):
        self.change(
            seed,
            lambda: self.api.vms.launch(self.preset_id, name, tags=tags).id,
            lambda machines, volumes, keys, id: (
                {**machines, id: ("Running", name, tuple(tags))},
                volumes,
                keys,
            ),
        )

    @rule(seed=FAULTS, place=st.integers(0, 9))
    def end(self, seed, place):
        id = self.some(place)
        self.change(
            seed,
            lambda: self.api.vms.delete(id),
            lambda machines, volumes, keys, _: (
                {one: facts for one, facts in machines.items() if one != id},
                volumes,
                keys,
            ),
        )

    @rule(seed=FAULTS, place=st.integers(0, 9), way=st.sampled_from(["start", "stop", "release"]))
    def power(self, seed, place, way):
        id = self.some(place)
        acts = {
            "start": lambda: self.api.vms.start(id),
            "stop": lambda: self.api.vms.stop(id),
            "release": lambda: self.api.vms.stop(id, release=True),
        }
        status = {"start": "Running", "stop": "Stopped", "release": "StoppedDisassociated"}[way]
        self.change(
            seed,
            acts[way],
            lambda machines, volumes, keys, _: (
                {**machines, id: (status, *machines[id][1:])},
                volumes,
                keys,
            ),
        )

    @rule(seed=FAULTS, place=st.integers(0, 9), name=NAMES, tags=TAGS)
    def label(self, seed, place, name, tags):
        id = self.some(place)
        self.change(
            seed,
            lambda: self.api.vms.update(id, name=name, tags=tags),
            lambda machines, volumes, keys, _: (
                {**machines, id: (machines[id][0], name, tuple(tags))},
                volumes,
                keys,
            ),
        )

    @rule(seed=FAULTS, name=NAMES, size=st.integers(1, 3))
    def make_volume(self, seed, name, size):
        self.change(
            seed,
            lambda: self.api.storage.create(name, size),
            lambda machines, volumes, keys, _: (machines, {**volumes, name: size}, keys),
        )

    @rule(seed=FAULTS, name=NAMES)
    def delete_volume(self, seed, name):
        ids = {volume.name: str(volume.id) for volume in self.sandbox.cloud.volumes.all()}
        self.change(
            seed,
            lambda: self.api.storage.delete(ids.get(name, "00000000-0000-4000-8000-000000000000")),
            lambda machines, volumes, keys, _: (
                machines,
                {one: size for one, size in volumes.items() if one != name},
                keys,
            ),
        )

    @rule(seed=FAULTS, name=st.sampled_from(["laptop", "desk"]))
    def add_key(self, seed, name):
        self.change(
            seed,
            lambda: self.api.ssh_keys.add(name, KEY),
            lambda machines, volumes, keys, _: (machines, volumes, sorted({*keys, name})),
        )

    @invariant()
    def every_listing_is_complete(self):
        if not hasattr(self, "model"):
            return
        machines, volumes, _ = self.model
        assert {vm.id for vm in self.calm.vms.list()} == set(machines)
        assert {volume.name for volume in self.calm.storage.list()} == set(volumes)
