"""The bodies the service takes.

They ignore fields they do not know and take null for whatever may be left out, since programs written for
the live service send both.
"""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, BaseModel, Field, StringConstraints

from vp_jupyter.sandbox.catalog import Network
from vp_jupyter.sandbox.ssh_keys import Selection, check_public_key
from vp_jupyter.sandbox.vms import Power

Name = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"\S")]
KeyName = Annotated[
    str,
    StringConstraints(min_length=3, max_length=64, pattern=r"^[A-Za-z0-9 -]*[A-Za-z0-9][A-Za-z0-9 -]*$"),
]
PublicKey = Annotated[str, StringConstraints(max_length=16_384), AfterValidator(check_public_key)]
VolumeName = Annotated[str, StringConstraints(max_length=60, pattern=r"^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$")]
SizeGB = Annotated[int, Field(ge=1, le=100_000)]
Port = Annotated[int, Field(ge=1, le=65_535)]
ShortText = Annotated[str, StringConstraints(max_length=100)]
Tags = Annotated[list[ShortText], Field(max_length=50)]
PublicIPs = Annotated[list[ShortText], Field(min_length=1, max_length=1000)]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[^@\s]+@[^@\s]+$")]


class NoKeys(BaseModel):
    mode: Literal["none"]


class AllKeys(BaseModel):
    mode: Literal["all"]


class SelectedKeys(BaseModel):
    mode: Literal["selective"]
    ssh_key_ids: Annotated[list[UUID], Field(max_length=1000)]


OrganizationKeys = Annotated[NoKeys | AllKeys | SelectedKeys, Field(discriminator="mode")]


class WriteFile(BaseModel):
    path: str
    content: str | None = None
    encoding: str | None = None
    owner: str | None = None
    permissions: str | None = None


class CloudInit(BaseModel):
    packages: list[str] | None = None
    write_files: list[WriteFile] | None = None
    runcmd: list[str | list[str]] | None = None

    def script(self) -> dict[str, Any]:
        return self.model_dump(exclude_none=True)


class Deploy(BaseModel):
    """What the deploys of a VM and of a rental have in common."""

    name: Name
    organization_ssh_keys: OrganizationKeys | None = None
    ssh_keys: Annotated[list[PublicKey], Field(max_length=100)] | None = None
    tags: Tags | None = None

    def key_selection(self) -> Selection:
        chosen = self.organization_ssh_keys
        return Selection(
            all=isinstance(chosen, AllKeys),
            ids=tuple(chosen.ssh_key_ids) if isinstance(chosen, SelectedKeys) else (),
        )


class DeployVM(Deploy):
    config_id: UUID
    location_id: UUID | None = None
    password: Annotated[str, StringConstraints(min_length=8, max_length=1000)] | None = None
    cloud_init: CloudInit | None = None


class DeployRental(Deploy):
    location_id: UUID
    gpu_count: Annotated[int, Field(ge=8, le=100_000, multiple_of=8)]
    network_type: Network
    sub_order: ShortText | None = None
    storage_id: UUID | None = None
    cloudinit_script: CloudInit | None = None


class Rename(BaseModel):
    name: Name | None = None
    tags: Tags | None = None


class VMPower(BaseModel):
    status: Power


class RentalPower(BaseModel):
    status: Literal["started", "stopped"]


class Nodes(BaseModel):
    public_ips: PublicIPs


class NewPortForward(BaseModel):
    internal_port: Port
    external_port: Port | None = None


class OldPortForward(BaseModel):
    internal_port: Port | None = None


class NewSSHKey(BaseModel):
    name: KeyName
    content: PublicKey


class NewVolume(BaseModel):
    size_in_gb: SizeGB
    name: VolumeName
    order_ids: Annotated[list[UUID], Field(max_length=1000)] | None = None


class ChangedVolume(BaseModel):
    size_in_gb: SizeGB | None = None
    name: VolumeName | None = None
    order_ids: Annotated[list[UUID], Field(max_length=1000)] | None = None


class ChangedOrganization(BaseModel):
    name: Name | None = None
    billing_notification_target_emails: Annotated[list[Email], Field(max_length=20)] | None = None


class CloudInitText(BaseModel):
    content: str
    type: Literal["instant-vm", "vm", "baremetal"]
