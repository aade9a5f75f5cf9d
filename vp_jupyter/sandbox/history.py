"""The seeded past: months of plausible work, played through the same operations that the API calls.

So the past obeys every rule of the present (stock, balance, states), and the books need no second author.
"""

import random
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from vp_jupyter.sandbox.catalog import GPUS_PER_NODE, Network, Preset
from vp_jupyter.sandbox.clock import Clock
from vp_jupyter.sandbox.cloud import Cloud
from vp_jupyter.sandbox.refusals import Conflict
from vp_jupyter.sandbox.rentals import Rental
from vp_jupyter.sandbox.ssh_keys import Selection, seeded_key
from vp_jupyter.sandbox.vms import VM
from vp_jupyter.sandbox.volumes import GIGABYTE, Volume

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_MONTH = timedelta(days=30.4375)
# Project, team, and what its runs are called.
_PROJECTS = (
    ("llama-sft", "nlp"),
    ("rag-embed", "nlp"),
    ("rlhf-sweep", "nlp"),
    ("whisper-ft", "speech"),
    ("diffusion-xl", "vision"),
    ("ocr-retrain", "vision"),
    ("protein-fold", "bio"),
)
# The account is topped up below this many hours of burn. Checks are a day apart and after every step, so
# anything above 24 keeps the balance from ever going negative.
_LOW_HOURS, _FULL_HOURS = 40, 80


class _Step(NamedTuple):
    at: datetime
    order: int
    act: Callable[[], None]


def seeded_cloud(seed: int, clock: Clock, months: int, api_key: str | None = None) -> Cloud:
    """A cloud with `months` of history behind it; with 0, a new organization and its first deposit."""
    now = clock.now()
    cloud = Cloud(seed, Clock(now - months * _MONTH, scale=0))
    if api_key is not None:
        cloud.api_key = api_key
    if months:
        _Past(cloud, now).play()
    else:
        _deposit(cloud, Decimal(1000))
    cloud.world.clock = clock
    return cloud


def _deposit(cloud: Cloud, amount: Decimal) -> None:
    world = cloud.world
    world.ledger.pay_in(world.new_id(), "stripe_deposit", amount.quantize(Decimal("0.000001")), world.now())


class _Past:
    def __init__(self, cloud: Cloud, now: datetime) -> None:
        self.cloud = cloud
        self.rng: random.Random = cloud.world.rng
        self.begin, self.now = cloud.now(), now
        self.runs = dict.fromkeys((project for project, _ in _PROJECTS), 0)
        self.steps: list[_Step] = []

    def play(self) -> None:
        self._found()
        self._finished_vms()
        self._finished_rentals()
        self._volumes()
        self._live_fleet()
        for day in range(1, (self.now - self.begin) // _DAY + 1):
            self._at(self.begin + day * _DAY, lambda: None)  # a look at the balance, at least daily
        clock = self.cloud.world.clock
        for step in sorted(self.steps):
            clock.advance(max(timedelta(0), step.at - clock.now()))
            step.act()
            self._top_up()

    def _at(self, moment: datetime, act: Callable[[], None]) -> None:
        """Plan a step; what would fall outside the past is moved to its nearest end."""
        inside = min(max(moment, self.begin + timedelta(seconds=1)), self.now - timedelta(seconds=30))
        self.steps.append(_Step(inside, len(self.steps), act))

    def _top_up(self) -> None:
        world = self.cloud.world
        burn, balance = world.ledger.burn(), world.balance()
        if balance < _LOW_HOURS * burn:
            missing = _FULL_HOURS * burn - balance
            _deposit(self.cloud, (missing / 500).to_integral_value(rounding="ROUND_UP") * 500)

    def _found(self) -> None:
        """The organization's first day: a deposit, a welcome, and the keys of its people."""
        cloud, world = self.cloud, self.cloud.world
        _deposit(cloud, Decimal(2000))
        note = "Welcome to Voltage Park: promotional credit"
        world.ledger.pay_in(world.new_id(), "other", Decimal("250.000000"), world.now(), note)
        for name in ("Ada laptop", "Grace workstation", "ci-runner"):
            cloud.keys.add(name, seeded_key(self.rng, f"{name.replace(' ', '-').lower()}@sandbox.example"))

    def _name(self) -> tuple[str, list[str]]:
        project, team = self.rng.choice(_PROJECTS)
        self.runs[project] += 1
        tags = [] if self.rng.random() < 0.12 else [f"team:{team}", f"project:{project}"]
        return f"{project}-{self.runs[project]:02d}", tags

    def _preset(self, gpus: int) -> Preset:
        return self.rng.choice(
            [
                preset
                for preset in self.cloud.catalog.presets.values()
                if preset.gpus == gpus and not preset.operating_system.startswith("Windows")
            ]
        )

    def _launch_vm(self, gpus: int, name: str, tags: list[str]) -> VM:
        keys = self.cloud.keys.authorize(Selection(all=True))
        return self.cloud.vms.launch(self._preset(gpus).id, name, authorized_keys=keys, tags=tags)

    def _finished_vms(self) -> None:
        """Runs of a few hours to a few days, every day or two; some paused on the way."""
        last = self.now - 2 * _DAY
        moment = self.begin + 3 * _HOUR
        while moment < last:
            length = min(_HOUR * min(self.rng.lognormvariate(2.9, 0.9), 150), last - moment)
            gpus = self.rng.choices((1, 2, 4, 8), (50, 25, 15, 10))[0]
            self._vm_run(moment, length, gpus, self.rng.choices(("run", "stop", "release"), (70, 15, 15))[0])
            moment += _DAY * self.rng.expovariate(1 / 1.4)

    def _vm_run(self, begin: datetime, length: timedelta, gpus: int, course: str) -> None:
        name, tags = self._name()
        run: list[VM] = []
        vms, world = self.cloud.vms, self.cloud.world

        def launch() -> None:
            with suppress(Conflict):  # sold out that day: the run did not happen
                run.append(self._launch_vm(gpus, name, tags))

        def pause() -> None:
            for vm in run:
                (vms.stop if course == "stop" else vms.release)(vm)

        def resume() -> None:
            for vm in run:
                with suppress(Conflict):  # another run has its hostnode now: it stays released until deleted
                    vms.start(vm)

        def delete() -> None:
            for vm in run:
                instance = vm.disk.instance if vm.compute is None else vm.compute.instance
                vms.delete(vm)
                if self.rng.random() < 0.04:
                    credit = Decimal(self.rng.randint(5, 40)).quantize(Decimal("0.000001"))
                    world.ledger.make_good(world.new_id(), instance, credit, world.now())

        self._at(begin, launch)
        if course != "run":
            self._at(begin + length * 0.4, pause)
            self._at(begin + length * 0.7, resume)
        self._at(begin + length, delete)

    def _launch_rental(
        self, network: Network, nodes: int, name: str, tags: list[str], volume: Volume | None = None
    ) -> Rental:
        roomiest = max(
            self.cloud.catalog.locations.values(), key=lambda location: len(location.free_nodes(network))
        )
        return self.cloud.rentals.launch(
            roomiest.id,
            name,
            nodes * GPUS_PER_NODE,
            network,
            authorized_keys=self.cloud.keys.authorize(Selection(all=True)),
            tags=tags,
            volume_id=volume.id if volume else None,
        )

    def _finished_rentals(self) -> None:
        moment, last = self.begin + 6 * _DAY, self.now - 5 * _DAY
        while moment < last:
            length = min(_HOUR * self.rng.uniform(10, 60), last - moment)
            network: Network = self.rng.choice(("infiniband", "infiniband", "ethernet"))
            self._rental_run(moment, length, network, self.rng.choices((1, 2, 4), (4, 4, 2))[0])
            moment += _DAY * self.rng.uniform(9, 20)

    def _rental_run(self, begin: datetime, length: timedelta, network: Network, nodes: int) -> None:
        name, tags = self._name()
        run: list[Rental] = []
        rentals, world = self.cloud.rentals, self.cloud.world

        def launch() -> None:
            with suppress(Conflict):
                run.append(self._launch_rental(network, nodes, name, tags))

        def shrink() -> None:
            for rental in run:
                if len(rental.nodes) > 2:
                    rentals.remove_nodes(rental, [rental.nodes[-1].public_ip])

        def delete() -> None:
            for rental in run:
                instance = rental.charge.instance
                rentals.delete(rental)
                if self.rng.random() < 0.15:
                    credit = Decimal(self.rng.randint(20, 120)).quantize(Decimal("0.000001"))
                    world.ledger.make_good(world.new_id(), instance, credit, world.now())

        self._at(begin, launch)
        self._at(begin + length * 0.6, shrink)
        self._at(begin + length, delete)

    def _volumes(self) -> None:
        """Three that stay (one of them is attached by the live fleet), and one that was cleaned up."""
        volumes = self.cloud.volumes
        age = self.now - self.begin

        def create(name: str, size_gb: int, used: float) -> Callable[[], None]:
            def act() -> None:
                volumes.create(name, size_gb).used_bytes = int(size_gb * GIGABYTE * used)

            return act

        def grow(name: str, size_gb: int) -> Callable[[], None]:
            def act() -> None:
                volume = self._volume(name)
                volumes.update(volume, name=None, size_gb=size_gb, order_ids=None)

            return act

        self._at(self.begin + age * 0.02, create("datasets", 4000, 0.62))
        self._at(self.begin + age * 0.10, create("scratch-old", 2000, 0.11))
        self._at(self.begin + age * 0.35, create("checkpoints", 2000, 0.57))
        self._at(self.begin + age * 0.50, grow("datasets", 6000))
        self._at(self.begin + age * 0.60, lambda: volumes.delete(self._volume("scratch-old")))
        self._at(self.begin + age * 0.80, create("eval-sets", 1000, 0.012))

    def _volume(self, name: str) -> Volume:
        return next(volume for volume in self.cloud.volumes.all() if volume.name == name)

    def _live_fleet(self) -> None:
        """What is there on the first day of the user's session, in every state that a list can show."""
        vms = self.cloud.vms
        jitter = [self.rng.uniform(0.8, 1.2) for _ in range(8)]

        def vm(ago: timedelta, gpus: int, then: str = "") -> None:
            name, tags = self._name()
            launched: list[VM] = []

            def launch() -> None:
                launched.append(self._launch_vm(gpus, name, tags))

            self._at(self.now - ago, launch)
            if then:
                stop = vms.stop if then == "stop" else vms.release
                self._at(self.now - ago / 2, lambda: stop(launched[0]))

        vm(_DAY * 1.5 * jitter[0], 8)
        vm(_DAY * 3 * jitter[1], 4)
        vm(_HOUR * 9 * jitter[2], 2)
        vm(_HOUR * 5 * jitter[3], 1)
        vm(_DAY * 4 * jitter[4], 1, "stop")
        vm(_DAY * 6 * jitter[5], 2, "release")

        def rent(network: Network, nodes: int, name: str, volume: str = "") -> None:
            attached = self._volume(volume) if volume else None
            self._launch_rental(network, nodes, name, ["team:nlp", "project:pretrain"], attached)

        self._at(
            self.now - _HOUR * 20 * jitter[6], lambda: rent("infiniband", 2, "pretrain-01", "checkpoints")
        )
        self._at(  # so new that it is still pending
            self.now - timedelta(seconds=200 * jitter[7]), lambda: rent("ethernet", 1, "pretrain-02")
        )
