"""The answers the service gives."""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar
from uuid import UUID

from pydantic import BaseModel, PlainSerializer, WithJsonSchema

from vp_jupyter.sandbox.catalog import Network, OperatingSystem
from vp_jupyter.sandbox.vms import Status

T = TypeVar("T")

Money = Annotated[
    Decimal,
    PlainSerializer(lambda amount: f"{amount:.6f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+\.\d{6}$"}, mode="serialization"),
]
# Prices of bare metal have two places on the live service.
Price = Annotated[Decimal, PlainSerializer(lambda price: f"{price:.2f}", return_type=str)]
Moment = Annotated[
    datetime,
    PlainSerializer(lambda t: f"{t:%Y-%m-%dT%H:%M:%S}.{t.microsecond // 1000:03}Z", return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}, mode="serialization"),
]


class Detail(BaseModel):
    """Why a request was refused."""

    detail: str


class Page(BaseModel, Generic[T]):
    results: list[T]
    total_result_count: int
    has_previous: bool
    has_next: bool


class GPUCount(BaseModel):
    count: int


class Resources(BaseModel):
    gpus: dict[str, GPUCount]
    vcpu_count: int
    ram_gb: int
    storage_gb: int


class HostnodePricing(BaseModel):
    per_gpu_hr: dict[str, Money]
    per_vcpu_hr: Money
    per_gb_ram_hr: Money
    per_gb_storage_hr: Money


class HostnodeOut(BaseModel):
    id: UUID
    location_id: UUID
    available_resources: Resources
    pricing: HostnodePricing
    available_ports: list[int]


class LocationOut(BaseModel):
    id: UUID
    city: str
    region: str
    country: str
    hostnodes: list[HostnodeOut]


class PresetOut(BaseModel):
    id: UUID
    resources: Resources
    operating_system: OperatingSystem
    compute_rate_hourly: Money
    storage_rate_hourly: Money
    location_ids_with_availability: list[UUID]


class AvailablePreset(BaseModel):
    id: UUID
    resources: Resources
    operating_system: OperatingSystem
    compute_rate_hourly: Money
    storage_rate_hourly: Money
    available_vms: int


class InstantLocation(BaseModel):
    id: UUID
    available_presets: list[AvailablePreset]


class NodeSpecs(BaseModel):
    gpu_model: str
    gpu_count: int
    cpu_model: str
    cpu_count: int
    ram_gb: int
    storage_gb: int


class MetalLocation(BaseModel):
    id: UUID
    gpu_count_ethernet: int
    gpu_price_ethernet: Price
    gpu_count_infiniband: int
    gpu_price_infiniband: Price
    reserved_gpu_count_infiniband_cluster_one: int | None = None
    reserved_gpu_count_infiniband_cluster_two: int | None = None
    specs_per_node: NodeSpecs


class PortForward(BaseModel):
    internal_port: int
    external_port: int


class VMPricing(BaseModel):
    gpus_per_hr: Money
    vcpus_per_hr: Money
    vcpu_per_hr: Money  # the documentation has the plural, published clients read the singular
    ram_per_hr: Money
    storage_per_hr: Money
    total_associated_per_hr: Money
    total_disassociated_per_hr: Money


class VMOut(BaseModel):
    id: UUID
    hostnode_id: UUID
    type: Literal["ondem", "spot", "subscription"]
    status: Status
    name: str
    resources: Resources
    operating_system: OperatingSystem
    pricing: VMPricing
    public_ip: str
    internal_ip: str
    port_forwards: list[PortForward]
    timestamp_creation: Moment
    tags: list[str]


class VMLaunched(BaseModel):
    vm_id: UUID


class NameAndTags(BaseModel):
    name: str
    tags: list[str]


class NodeAddress(BaseModel):
    public_ip: str
    private_ip: str


class RentalOut(BaseModel):
    """A pending rental does not have the fields of its nodes: the keys are absent, not null."""

    id: UUID
    name: str
    creation_timestamp: Moment
    status: Literal["Running", "Pending", "Failed", "Terminated"]
    power_status: Literal["Running", "Stopped"]
    node_count: int = 0
    specs_per_node: NodeSpecs | None = None
    rate_hourly: Money
    network_type: Network
    username: str | None = None
    node_networking: list[NodeAddress] = []
    sub_order: str | None
    storage_id: UUID | None
    storage_pv: str | None
    storage_pvc: str | None
    k8s_cluster_id: UUID | None = None
    kubeconfig: str | None = None
    tags: list[str]


class RentalLaunched(BaseModel):
    rental_id: UUID
    warning: str | None


class LinkedInstance(BaseModel):
    """Virtual machines have a type and an id; rentals and volumes are told apart by the id they carry."""

    type: Literal["virtual_machine_instance", "storage_block_instance"] | None = None
    id: UUID
    virtual_machine_id: UUID | None = None
    baremetal_rental_id: UUID | None = None
    storage_id: UUID | None = None
    timestamp_creation: Moment
    timestamp_deletion: Moment | None


class TransactionDetails(BaseModel):
    type: str
    linked_instance: LinkedInstance | None = None
    note_public: str | None = None


class TransactionOut(BaseModel):
    id: UUID
    total_amount: Money
    timestamp_creation: Moment
    timestamp_completion: Moment | None
    details: TransactionDetails
    period_amount: Money


class Report(BaseModel):
    transactions: list[TransactionOut]
    balance_at_period_start: Money
    balance_delta_in_period: Money
    balance_at_period_end: Money


class HourlyRate(BaseModel):
    rate_hourly: Money


class StorageRate(BaseModel):
    hourly_rate_per_gb: str


class OrganizationOut(BaseModel):
    id: UUID
    name: str
    billing_notification_target_emails: list[str]


class SSHKeyOut(BaseModel):
    id: UUID
    name: str
    content: str


class VolumeOut(BaseModel):
    id: UUID
    size_in_gb: int
    name: str
    status: Literal["active", "inactive"]
    rate_hourly: Money
    order_ids: list[UUID]
    tenant_id: int
    vip: str


class VolumeInFull(VolumeOut):
    used_capacity_bytes: int


class Validation(BaseModel):
    error: bool
    message: str | None
