"""State into answers: one function for each shape the API shows."""

from datetime import datetime
from typing import Any
from uuid import UUID

from vp_jupyter.sandbox import answers
from vp_jupyter.sandbox import catalog as stock
from vp_jupyter.sandbox.catalog import Catalog, Hostnode, Location, Preset
from vp_jupyter.sandbox.ledger import Instance, Transaction
from vp_jupyter.sandbox.rentals import Rental
from vp_jupyter.sandbox.ssh_keys import SSHKey
from vp_jupyter.sandbox.vms import VM
from vp_jupyter.sandbox.volumes import Volume

VM_ADDRESS = "127.0.0.1"  # virtual machines share it, and are told apart by their forwarded ports
_NODE_SPECS = answers.NodeSpecs(
    gpu_model=stock.GPU_MODEL,
    gpu_count=stock.GPUS_PER_NODE,
    cpu_model="Intel Xeon Platinum 8470",
    cpu_count=104,
    ram_gb=1024,
    storage_gb=18000,
)


def resources(gpus: int) -> answers.Resources:
    return answers.Resources(
        gpus={stock.GPU_MODEL: answers.GPUCount(count=gpus)},
        vcpu_count=gpus * stock.VCPUS_PER_GPU,
        ram_gb=gpus * stock.RAM_GB_PER_GPU,
        storage_gb=gpus * stock.STORAGE_GB_PER_GPU,
    )


def hostnode(node: Hostnode) -> answers.HostnodeOut:
    return answers.HostnodeOut(
        id=node.id,
        location_id=node.location_id,
        available_resources=resources(node.free_gpus),
        pricing=answers.HostnodePricing(
            per_gpu_hr={stock.GPU_MODEL: stock.GPU_RATE},
            per_vcpu_hr=stock.VCPU_RATE,
            per_gb_ram_hr=stock.RAM_GB_RATE,
            per_gb_storage_hr=stock.STORAGE_GB_RATE,
        ),
        available_ports=node.available_ports,
    )


def location(place: Location) -> answers.LocationOut:
    return answers.LocationOut(
        id=place.id,
        city=place.site.city,
        region=place.site.region,
        country="US",
        hostnodes=[hostnode(node) for node in place.hostnodes],
    )


def preset(one: Preset, catalog: Catalog) -> answers.PresetOut:
    return answers.PresetOut(
        id=one.id,
        resources=resources(one.gpus),
        operating_system=one.operating_system,
        compute_rate_hourly=one.compute_rate,
        storage_rate_hourly=one.storage_rate,
        location_ids_with_availability=[
            place.id for place in catalog.locations.values() if place.launchable(one)
        ],
    )


def instant_location(place: Location, catalog: Catalog) -> answers.InstantLocation:
    counted = [(one, place.launchable(one)) for one in catalog.presets.values()]
    available = [
        answers.AvailablePreset(
            id=one.id,
            resources=resources(one.gpus),
            operating_system=one.operating_system,
            compute_rate_hourly=one.compute_rate,
            storage_rate_hourly=one.storage_rate,
            available_vms=count,
        )
        for one, count in counted
        if count
    ]
    return answers.InstantLocation(id=place.id, available_presets=available)


def metal_location(place: Location) -> answers.MetalLocation:
    return answers.MetalLocation(
        id=place.id,
        gpu_count_ethernet=len(place.free_nodes("ethernet")) * stock.GPUS_PER_NODE,
        gpu_price_ethernet=place.price("ethernet"),
        gpu_count_infiniband=len(place.free_nodes("infiniband")) * stock.GPUS_PER_NODE,
        gpu_price_infiniband=place.price("infiniband"),
        specs_per_node=_NODE_SPECS,
    )


def vm(machine: VM, now: datetime) -> answers.VMOut:
    pricing = machine.pricing
    return answers.VMOut(
        id=machine.id,
        hostnode_id=machine.hostnode.id,
        type="ondem",
        status=machine.status(now),
        name=machine.name,
        resources=resources(machine.preset.gpus),
        operating_system=machine.preset.operating_system,
        pricing=answers.VMPricing(
            gpus_per_hr=pricing.gpus,
            vcpus_per_hr=pricing.vcpus,
            vcpu_per_hr=pricing.vcpus,
            ram_per_hr=pricing.ram,
            storage_per_hr=pricing.storage,
            total_associated_per_hr=pricing.associated,
            total_disassociated_per_hr=pricing.storage,
        ),
        public_ip=VM_ADDRESS,
        internal_ip=machine.internal_ip,
        port_forwards=[
            answers.PortForward(internal_port=internal, external_port=external)
            for internal, external in machine.forwards.items()
        ],
        timestamp_creation=machine.created,
        tags=machine.tags,
    )


def rental(one: Rental, now: datetime) -> answers.RentalOut:
    volume = one.volume_id
    shown: dict[str, Any] = {
        "id": one.id,
        "name": one.name,
        "creation_timestamp": one.created,
        "status": "Pending" if one.pending(now) else "Running",
        "power_status": one.power,
        "rate_hourly": one.charge.rate,
        "network_type": one.network,
        "sub_order": one.sub_order,
        "storage_id": volume,
        "storage_pv": volume and f"pv-{volume.hex[:12]}",
        "storage_pvc": volume and f"pvc-{volume.hex[:12]}",
        "tags": one.tags,
    }
    if not one.pending(now):
        shown |= {
            "node_count": len(one.nodes),
            "specs_per_node": _NODE_SPECS,
            "username": one.username,
            "node_networking": [
                answers.NodeAddress(public_ip=node.public_ip, private_ip=node.private_ip)
                for node in one.nodes
            ],
            "k8s_cluster_id": one.k8s_cluster_id,
            "kubeconfig": one.kubeconfig,
        }
    return answers.RentalOut.model_validate(shown)


def volume(one: Volume, order_ids: list[UUID]) -> answers.VolumeOut:
    return answers.VolumeOut(
        id=one.id,
        size_in_gb=one.size_gb,
        name=one.name,
        status="active",
        rate_hourly=one.rate,
        order_ids=order_ids,
        tenant_id=one.tenant_id,
        vip=one.vip,
    )


def ssh_key(key: SSHKey) -> answers.SSHKeyOut:
    return answers.SSHKeyOut(id=key.id, name=key.name, content=key.content)


def transaction(one: Transaction) -> answers.TransactionOut:
    details: dict[str, Any] = {"type": one.type}
    if one.instance is not None:
        details["linked_instance"] = _linked(one.instance)
    if one.note is not None:
        details["note_public"] = one.note
    return answers.TransactionOut(
        id=one.id,
        total_amount=one.total,
        timestamp_creation=one.created,
        timestamp_completion=one.completed,
        details=answers.TransactionDetails.model_validate(details),
        period_amount=one.in_period,
    )


def _linked(instance: Instance) -> answers.LinkedInstance:
    names: dict[str, dict[str, Any]] = {
        "virtual_machine": {"type": "virtual_machine_instance", "virtual_machine_id": instance.subject},
        "storage_block": {"type": "storage_block_instance", "virtual_machine_id": instance.subject},
        "baremetal": {"baremetal_rental_id": instance.subject},
        "storage": {"storage_id": instance.subject},
    }
    return answers.LinkedInstance(
        id=instance.id,
        timestamp_creation=instance.created,
        timestamp_deletion=instance.deleted,
        **names[instance.kind],
    )
