"""Routes for what an organization owns besides machines: itself, its SSH keys, its storage volumes."""

from typing import Annotated
from uuid import UUID

from vp_jupyter.sandbox import answers, bodies, views
from vp_jupyter.sandbox.cloud import Cloud
from vp_jupyter.sandbox.volumes import RATE_PER_GB, Volume
from vp_jupyter.sandbox.wire import State, Window, private, refusals, window

routes = private("account")


@routes.get("/organization")
async def get_organization(cloud: State) -> answers.OrganizationOut:
    return _organization(cloud)


@routes.patch("/organization")
async def update_organization(cloud: State, body: bodies.ChangedOrganization) -> answers.OrganizationOut:
    organization, emails = cloud.organization, body.billing_notification_target_emails
    organization.name = body.name or organization.name
    if emails is not None:
        organization.billing_notification_target_emails = emails
    return _organization(cloud)


@routes.get("/organization/ssh-keys")
async def list_ssh_keys(
    cloud: State, at: Annotated[Window, window(150, 150)]
) -> answers.Page[answers.SSHKeyOut]:
    keys = cloud.keys.all()
    return at.page(map(views.ssh_key, at.cut(keys)), len(keys))


@routes.post("/organization/ssh-keys", status_code=201, responses=refusals(409))
async def add_ssh_key(cloud: State, body: bodies.NewSSHKey) -> answers.SSHKeyOut:
    return views.ssh_key(cloud.keys.add(body.name, body.content))


@routes.delete("/organization/ssh-keys/{ssh_key_id}", status_code=204, responses=refusals(404))
async def remove_ssh_key(cloud: State, ssh_key_id: UUID) -> None:
    cloud.keys.remove(ssh_key_id)


@routes.post("/storage/", status_code=201, responses=refusals(402, 409))
async def create_volume(cloud: State, body: bodies.NewVolume) -> answers.VolumeOut:
    return _volume(cloud, cloud.volumes.create(body.name, body.size_in_gb, body.order_ids or ()))


@routes.get("/storage/")
async def list_volumes(
    cloud: State, at: Annotated[Window, window(20, 100)]
) -> answers.Page[answers.VolumeOut]:
    volumes = cloud.volumes.all()
    return at.page((_volume(cloud, volume) for volume in at.cut(volumes)), len(volumes))


@routes.get("/storage/hourly-rate")
async def get_storage_rate() -> answers.StorageRate:
    return answers.StorageRate(hourly_rate_per_gb=str(RATE_PER_GB))


@routes.get("/storage/{storage_id}", responses=refusals(404))
async def get_volume(cloud: State, storage_id: UUID) -> answers.VolumeInFull:
    volume = cloud.volumes.get(storage_id)
    return answers.VolumeInFull(**_volume(cloud, volume).model_dump(), used_capacity_bytes=volume.used_bytes)


@routes.patch("/storage/{storage_id}", responses=refusals(402, 404, 409))
async def update_volume(cloud: State, storage_id: UUID, body: bodies.ChangedVolume) -> answers.VolumeOut:
    volume = cloud.volumes.get(storage_id)
    cloud.volumes.update(volume, name=body.name, size_gb=body.size_in_gb, order_ids=body.order_ids)
    return _volume(cloud, volume)


@routes.delete("/storage/{storage_id}", status_code=204, responses=refusals(404, 409))
async def delete_volume(cloud: State, storage_id: UUID) -> None:
    cloud.volumes.delete(cloud.volumes.get(storage_id))


def _volume(cloud: Cloud, volume: Volume) -> answers.VolumeOut:
    return views.volume(volume, [rental.id for rental in cloud.volumes.attached_to(volume)])


def _organization(cloud: Cloud) -> answers.OrganizationOut:
    one = cloud.organization
    return answers.OrganizationOut(
        id=one.id, name=one.name, billing_notification_target_emails=one.billing_notification_target_emails
    )
