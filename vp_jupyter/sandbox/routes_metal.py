"""Routes for bare-metal rentals."""

from typing import Annotated
from uuid import UUID

from vp_jupyter.sandbox import answers, bodies, views
from vp_jupyter.sandbox.routes_vms import reject_script
from vp_jupyter.sandbox.wire import State, Window, private, refusals, window

routes = private("bare metal")


@routes.post("/bare-metal/", status_code=201, responses=refusals(402, 409))
async def launch_rental(cloud: State, body: bodies.DeployRental) -> answers.RentalLaunched:
    if body.cloudinit_script is not None:
        reject_script(body.cloudinit_script, "baremetal")
    keys = cloud.keys.authorize(body.key_selection(), body.ssh_keys or ())
    rental = cloud.rentals.launch(
        body.location_id,
        body.name,
        body.gpu_count,
        body.network_type,
        authorized_keys=keys,
        cloud_init=None if body.cloudinit_script is None else body.cloudinit_script.script(),
        tags=body.tags or (),
        sub_order=body.sub_order,
        volume_id=cloud.volumes.deployable(body.storage_id),
    )
    warning = None if keys else "No SSH key was chosen: nobody can log in to these nodes."
    return answers.RentalLaunched(rental_id=rental.id, warning=warning)


@routes.get("/bare-metal/", response_model_exclude_unset=True)
async def list_rentals(
    cloud: State, at: Annotated[Window, window(20, 50)]
) -> answers.Page[answers.RentalOut]:
    now, rentals = cloud.now(), cloud.rentals.all()
    return at.page((views.rental(rental, now) for rental in at.cut(rentals)), len(rentals))


@routes.get("/bare-metal/{baremetal_rental_id}", responses=refusals(404), response_model_exclude_unset=True)
async def get_rental(cloud: State, baremetal_rental_id: UUID) -> answers.RentalOut:
    return views.rental(cloud.rentals.get(baremetal_rental_id), cloud.now())


@routes.patch("/bare-metal/{baremetal_rental_id}", responses=refusals(404))
async def update_rental(cloud: State, baremetal_rental_id: UUID, body: bodies.Rename) -> answers.NameAndTags:
    rental = cloud.rentals.get(baremetal_rental_id)
    rental.name, rental.tags = body.name or rental.name, rental.tags if body.tags is None else body.tags
    return answers.NameAndTags(name=rental.name, tags=rental.tags)


@routes.delete("/bare-metal/{baremetal_rental_id}", status_code=204, responses=refusals(404))
async def delete_rental(cloud: State, baremetal_rental_id: UUID) -> None:
    cloud.rentals.delete(cloud.rentals.get(baremetal_rental_id))


@routes.put("/bare-metal/{baremetal_rental_id}/power-status", status_code=204, responses=refusals(404))
async def set_rental_power(cloud: State, baremetal_rental_id: UUID, body: bodies.RentalPower) -> None:
    """A stopped rental keeps its nodes, and is billed in full."""
    rental = cloud.rentals.get(baremetal_rental_id)
    rental.power = "Running" if body.status == "started" else "Stopped"


@routes.post("/bare-metal/{baremetal_rental_id}/reboot", status_code=204, responses=refusals(404, 409))
async def reboot_nodes(cloud: State, baremetal_rental_id: UUID, body: bodies.Nodes) -> None:
    cloud.rentals.reboot(cloud.rentals.get(baremetal_rental_id), body.public_ips)


@routes.patch(
    "/bare-metal/{baremetal_rental_id}/remove-nodes",
    responses=refusals(404),
    response_model_exclude_unset=True,
)
async def remove_nodes(cloud: State, baremetal_rental_id: UUID, body: bodies.Nodes) -> answers.RentalOut:
    rental = cloud.rentals.get(baremetal_rental_id)
    cloud.rentals.remove_nodes(rental, body.public_ips)
    return views.rental(rental, cloud.now())
