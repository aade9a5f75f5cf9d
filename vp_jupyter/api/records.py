"""What the service sends, as typed records.

Any field may be missing or null and any may be new: what is not known is ignored, what is missing is None
(or empty). Money is an exact `Decimal` in USD, never a float, whether it arrives as a text or as a number.
Times are aware; one without a zone is UTC. A value of the wrong kind is an error that names its place.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, TypeVar, get_args, get_origin

import msgspec

from .secret import Secret

T = TypeVar("T")

if TYPE_CHECKING:
    Many = list
else:

    class Many:
        """A list that may arrive as null, and is then empty."""

        def __class_getitem__(cls, item: Any) -> Any:
            return list[item] | None


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all records: lists are never None, times are aware, money is finite."""

    def __post_init__(self) -> None:
        for name in _checked(self.__class__):
            value = getattr(self, name)
            if value is None:
                if name in _lists(self.__class__):
                    msgspec.structs.force_setattr(self, name, [])
            elif value.__class__ is datetime:
                if value.tzinfo is None:
                    msgspec.structs.force_setattr(self, name, value.replace(tzinfo=UTC))
            elif value.__class__ is Decimal and not value.is_finite():
                raise ValueError(f"{name} is not a number")


@functools.cache
def _checked(record: type[Record]) -> tuple[str, ...]:
    """The fields of a record that are lists, times or money."""
    return tuple(
        field.name
        for field in msgspec.structs.fields(record)
        if {datetime, Decimal, list} & {get_origin(one) or one for one in (field.type, *get_args(field.type))}
    )


@functools.cache
def _lists(record: type[Record]) -> frozenset[str]:
    return frozenset(one.name for one in msgspec.structs.fields(record) if one.default_factory is list)


class Page(Record, Generic[T], frozen=True, kw_only=True):
    """One page of a listing."""

    results: Many[T] = []
    total_result_count: int | None = None
    has_previous: bool | None = None
    has_next: bool | None = None


# --- places and machines for sale ------------------------------------------------------------------


class GpuCount(Record, frozen=True, kw_only=True):
    """How many GPUs of one model."""

    count: int = 0


class Resources(Record, frozen=True, kw_only=True):
    """What a machine has, or what a hostnode has free; `gpus` by model, RAM and storage in GB."""

    gpus: dict[str, GpuCount] | None = None
    vcpu_count: int | None = None
    ram_gb: int | float | None = None
    storage_gb: int | float | None = None

    @property
    def gpu_count(self) -> int:
        """GPUs of all models."""
        return sum(gpu.count for gpu in (self.gpus or {}).values())

    @property
    def gpu_model(self) -> str:
        """The GPU model's name; several are joined with ``+``."""
        return "+".join(self.gpus or {})


class NodePricing(Record, frozen=True, kw_only=True):
    """A hostnode's prices in USD per hour: per GPU (by model), per vCPU, per GB."""

    per_gpu_hr: dict[str, Decimal] | None = None
    per_vcpu_hr: Decimal | None = None
    per_gb_ram_hr: Decimal | None = None
    per_gb_storage_hr: Decimal | None = None


class Hostnode(Record, frozen=True, kw_only=True):
    """One physical computer that VMs run on, and what it has free."""

    id: str
    location_id: str | None = None
    available_resources: Resources | None = None
    pricing: NodePricing | None = None
    available_ports: Many[int] = []


class Location(Record, frozen=True, kw_only=True):
    """A data centre with its hostnodes."""

    id: str
    city: str | None = None
    region: str | None = None
    country: str | None = None
    hostnodes: Many[Hostnode] = []

    @property
    def label(self) -> str:
        """City and region, or the id where the service names neither."""
        return ", ".join(part for part in (self.city, self.region) if part) or self.id


class Preset(Record, frozen=True, kw_only=True):
    """A VM that can be launched at once. Rates are USD per hour for the whole VM.

    `location_ids_with_availability` comes from the preset listing, `available_vms` (how many can be had
    now) from the instant locations; each is empty or None in the other.
    """

    id: str
    resources: Resources = Resources()
    operating_system: str | None = None
    compute_rate_hourly: Decimal | None = None
    storage_rate_hourly: Decimal | None = None
    location_ids_with_availability: Many[str] = []
    available_vms: int | None = None

    @property
    def rate_hourly(self) -> Decimal | None:
        """USD per hour while it runs, compute and storage; None where the service names no rate."""
        if self.compute_rate_hourly is None:
            return None
        return self.compute_rate_hourly + (self.storage_rate_hourly or Decimal(0))


class InstantLocation(Record, frozen=True, kw_only=True):
    """A place where VMs can be launched at once, and which."""

    id: str
    available_presets: Many[Preset] = []


class NodeSpecs(Record, frozen=True, kw_only=True):
    """One bare-metal node."""

    gpu_model: str | None = None
    gpu_count: int | None = None
    cpu_model: str | None = None
    cpu_count: int | None = None
    ram_gb: int | float | None = None
    storage_gb: int | float | None = None


class MetalLocation(Record, frozen=True, kw_only=True):
    """Bare metal for sale at one place: free GPUs and USD per GPU and hour, by network."""

    id: str
    gpu_count_ethernet: int | None = None
    gpu_price_ethernet: Decimal | None = None
    gpu_count_infiniband: int | None = None
    gpu_price_infiniband: Decimal | None = None
    reserved_gpu_count_infiniband_cluster_one: int | None = None
    reserved_gpu_count_infiniband_cluster_two: int | None = None
    specs_per_node: NodeSpecs | None = None


# --- rented machines -------------------------------------------------------------------------------


class VmPricing(Record, frozen=True, kw_only=True):
    """A VM's rates in USD per hour; `total_associated` while it holds its GPUs, running or stopped,
    `total_disassociated` once they are released. vCPUs are read from either spelling in use."""

    gpus_per_hr: Decimal | None = None
    vcpus_per_hr: Decimal | None = None
    vcpu_per_hr: Decimal | None = None
    ram_per_hr: Decimal | None = None
    storage_per_hr: Decimal | None = None
    total_associated_per_hr: Decimal | None = None
    total_disassociated_per_hr: Decimal | None = None


class PortForward(Record, frozen=True, kw_only=True):
    """A port of the VM, as it is reached from outside."""

    internal_port: int | None = None
    external_port: int | None = None


class VirtualMachine(Record, frozen=True, kw_only=True):
    """A VM. `status` is one of Running, Stopped, StoppedDisassociated, Terminated, Outbid, Relocating,
    or a word that is newer than this text."""

    id: str
    hostnode_id: str | None = None
    type: str | None = None
    status: str | None = None
    name: str | None = None
    resources: Resources = Resources()
    operating_system: str | None = None
    pricing: VmPricing = VmPricing()
    public_ip: str | None = None
    internal_ip: str | None = None
    port_forwards: Many[PortForward] = []
    timestamp_creation: datetime | None = None
    tags: Many[str] = []


class NodeNetworking(Record, frozen=True, kw_only=True):
    """The addresses of one node of a rental."""

    public_ip: str | None = None
    private_ip: str | None = None


class Rental(Record, frozen=True, kw_only=True):
    """A bare-metal rental of whole nodes. `status` is one of Running, Pending, Failed, Terminated, or newer;
    a Pending one may lack most of the rest. `rate_hourly` is USD per hour for all of it."""

    id: str
    name: str | None = None
    creation_timestamp: datetime | None = None
    status: str | None = None
    power_status: str | None = None
    node_count: int | None = None
    specs_per_node: NodeSpecs | None = None
    rate_hourly: Decimal | None = None
    network_type: str | None = None
    username: str | None = None
    node_networking: Many[NodeNetworking] = []
    sub_order: str | int | None = None
    storage_id: str | None = None
    storage_pv: str | None = None
    storage_pvc: str | None = None
    k8s_cluster_id: str | None = None
    kubeconfig: Secret | None = None
    tags: Many[str] = []


class Labels(Record, frozen=True, kw_only=True):
    """A machine's name and tags, as they are after a change."""

    name: str | None = None
    tags: Many[str] = []


class Deployment(Record, frozen=True, kw_only=True):
    """What a deploy answered: the new machine's id and, for a rental, what the service warns of."""

    id: str
    warning: str | None = None


class PowerStatus(Record, frozen=True, kw_only=True):
    """The power state that was asked for."""

    status: str | None = None


# --- money -----------------------------------------------------------------------------------------


class LinkedInstance(Record, frozen=True, kw_only=True):
    """What a transaction is for; `timestamp_deletion` is None while it lives."""

    id: str | None = None
    type: str | None = None
    virtual_machine_id: str | None = None
    baremetal_rental_id: str | None = None
    storage_id: str | None = None
    timestamp_creation: datetime | None = None
    timestamp_deletion: datetime | None = None


class Details(Record, frozen=True, kw_only=True):
    """A transaction's kind: charge, payout, baremetal_charge, baremetal_payout, storage_charge,
    storage_payout, stripe_deposit, other (with `note_public`), or newer."""

    type: str | None = None
    linked_instance: LinkedInstance | None = None
    note_public: str | None = None


class Transaction(Record, frozen=True, kw_only=True):
    """One line of the account in USD, charges below zero; `period_amount` is the part of `total_amount`
    that falls into the period that was asked for."""

    id: str
    total_amount: Decimal
    period_amount: Decimal | None = None
    timestamp_creation: datetime | None = None
    timestamp_completion: datetime | None = None
    details: Details = Details()


class BillingReport(Record, frozen=True, kw_only=True):
    """A calendar month in UTC: its transactions and the balance at its ends, USD."""

    transactions: Many[Transaction] = []
    balance_at_period_start: Decimal
    balance_delta_in_period: Decimal
    balance_at_period_end: Decimal


class HourlyRate(Record, frozen=True, kw_only=True):
    """What the whole organization spends now, USD per hour."""

    rate_hourly: Decimal


class StorageRate(Record, frozen=True, kw_only=True):
    """What a gigabyte of volume costs, USD per hour."""

    hourly_rate_per_gb: Decimal


# --- the organization ------------------------------------------------------------------------------


class Organization(Record, frozen=True, kw_only=True):
    """The customer that the key belongs to."""

    id: str | None = None
    name: str | None = None
    billing_notification_target_emails: Many[str] = []


class SshKey(Record, frozen=True, kw_only=True):
    """A public SSH key that deploys can name."""

    id: str
    name: str | None = None
    content: str | None = None


class Volume(Record, frozen=True, kw_only=True):
    """A storage volume; `rate_hourly` is USD per hour for all of it, `order_ids` the rentals that it is
    attached to. `used_capacity_bytes` is there when one volume is asked for by id."""

    id: str
    size_in_gb: int | None = None
    name: str | None = None
    status: str | None = None
    rate_hourly: Decimal | None = None
    order_ids: Many[str] = []
    tenant_id: int | None = None
    vip: str | None = None
    used_capacity_bytes: int | None = None


class Validation(Record, frozen=True, kw_only=True):
    """What the service says of a cloud-init script; `error` is true when it is invalid."""

    error: bool
    message: str | None = None
