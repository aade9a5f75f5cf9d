"""Routes for virtual machines."""

from typing import Annotated
from uuid import UUID

from vp_jupyter.sandbox import answers, bodies, cloudinit, views
from vp_jupyter.sandbox.refusals import Unacceptable
from vp_jupyter.sandbox.wire import State, Window, private, refusals, window

routes = private("virtual machines")


@routes.post("/virtual-machines/instant", status_code=201, responses=refusals(402, 409))
async def launch_vm(cloud: State, body: bodies.DeployVM) -> answers.VMLaunched:
    if body.cloud_init is not None:
        reject_script(body.cloud_init, "instant-vm")
    vm = cloud.vms.launch(
        body.config_id,
        body.name,
        location=cloud.deploy_location(body.location_id),
        authorized_keys=cloud.keys.authorize(body.key_selection(), body.ssh_keys or ()),
        password=body.password,
        cloud_init=None if body.cloud_init is None else body.cloud_init.script(),
        tags=body.tags or (),
    )
    return answers.VMLaunched(vm_id=vm.id)


@routes.get("/virtual-machines/")
async def list_vms(cloud: State, at: Annotated[Window, window(10, 50)]) -> answers.Page[answers.VMOut]:
    now, vms = cloud.now(), cloud.vms.all()
    return at.page((views.vm(vm, now) for vm in at.cut(vms)), len(vms))


@routes.get("/virtual-machines/{virtual_machine_id}", responses=refusals(404))
async def get_vm(cloud: State, virtual_machine_id: UUID) -> answers.VMOut:
    return views.vm(cloud.vms.get(virtual_machine_id), cloud.now())


@routes.patch("/virtual-machines/{virtual_machine_id}", responses=refusals(404))
async def update_vm(cloud: State, virtual_machine_id: UUID, body: bodies.Rename) -> answers.NameAndTags:
    vm = cloud.vms.get(virtual_machine_id)
    vm.name, vm.tags = body.name or vm.name, vm.tags if body.tags is None else body.tags
    return answers.NameAndTags(name=vm.name, tags=vm.tags)


@routes.delete("/virtual-machines/{virtual_machine_id}", status_code=204, responses=refusals(404))
async def delete_vm(cloud: State, virtual_machine_id: UUID) -> None:
    cloud.vms.delete(cloud.vms.get(virtual_machine_id))


@routes.put("/virtual-machines/{virtual_machine_id}/power-status", responses=refusals(402, 404, 409))
async def set_vm_power(cloud: State, virtual_machine_id: UUID, body: bodies.VMPower) -> bodies.VMPower:
    vm = cloud.vms.get(virtual_machine_id)
    match body.status:
        case "started":
            cloud.vms.start(vm)
        case "stopped":
            cloud.vms.stop(vm)
        case "stopped_disassociated":
            cloud.vms.release(vm)
    return body


@routes.post("/virtual-machines/{virtual_machine_id}/relocate", responses=refusals(404, 409))
async def relocate_vm(cloud: State, virtual_machine_id: UUID) -> answers.VMOut:
    vm = cloud.vms.get(virtual_machine_id)
    cloud.vms.relocate(vm)
    return views.vm(vm, cloud.now())


@routes.post(
    "/virtual-machines/{virtual_machine_id}/port-forward", status_code=201, responses=refusals(404, 409)
)
async def forward_port(
    cloud: State, virtual_machine_id: UUID, body: bodies.NewPortForward
) -> answers.PortForward:
    vm = cloud.vms.get(virtual_machine_id)
    external = cloud.vms.forward(vm, body.internal_port, body.external_port)
    return answers.PortForward(internal_port=body.internal_port, external_port=external)


@routes.delete(
    "/virtual-machines/{virtual_machine_id}/port-forward", status_code=204, responses=refusals(404)
)
async def unforward_port(
    cloud: State,
    virtual_machine_id: UUID,
    body: bodies.OldPortForward | None = None,
    internal_port: bodies.Port | None = None,
) -> None:
    """The port comes in the body or in the query; without one, all forwards go but the login's."""
    port = body.internal_port if body is not None and body.internal_port is not None else internal_port
    cloud.vms.unforward(cloud.vms.get(virtual_machine_id), port)


def reject_script(script: bodies.CloudInit, type: cloudinit.ScriptType) -> None:
    message = cloudinit.check_script(script.script(), type)
    if message is not None:
        raise Unacceptable(f"Invalid cloud-init script: {message}")
