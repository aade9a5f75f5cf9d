"""Routes for what is for sale (locations, hostnodes, presets) and for checking scripts; mostly public."""

from typing import Annotated
from uuid import UUID

from vp_jupyter.sandbox import answers, bodies, cloudinit, views
from vp_jupyter.sandbox.wire import State, Window, private, public, refusals, window

open_routes = public("market")
key_routes = private("market")


@key_routes.get("/locations/")
async def list_locations(
    cloud: State, at: Annotated[Window, window(3, 15)]
) -> answers.Page[answers.LocationOut]:
    places = [*cloud.catalog.locations.values()]
    return at.page(map(views.location, at.cut(places)), len(places))


@key_routes.get("/locations/{location_id}", responses=refusals(404))
async def get_location(cloud: State, location_id: UUID) -> answers.LocationOut:
    return views.location(cloud.location(location_id))


@key_routes.get("/hostnodes/{hostnode_id}", responses=refusals(404))
async def get_hostnode(cloud: State, hostnode_id: UUID) -> answers.HostnodeOut:
    return views.hostnode(cloud.hostnode(hostnode_id))


@open_routes.get("/instant-deploy-presets/")
async def list_presets(cloud: State) -> list[answers.PresetOut]:
    return [views.preset(preset, cloud.catalog) for preset in cloud.catalog.presets.values()]


@open_routes.get("/instant-deploy-presets/{instant_deploy_preset_id}", responses=refusals(404))
async def get_preset(cloud: State, instant_deploy_preset_id: UUID) -> answers.PresetOut:
    return views.preset(cloud.preset(instant_deploy_preset_id), cloud.catalog)


@open_routes.get("/virtual-machines/instant/locations")
async def list_instant_locations(
    cloud: State, at: Annotated[Window, window(20, 50)]
) -> answers.Page[answers.InstantLocation]:
    """Only locations where something can be launched now, as the live service does when all is sold out."""
    places = [views.instant_location(place, cloud.catalog) for place in cloud.catalog.locations.values()]
    places = [place for place in places if place.available_presets]
    return at.page(at.cut(places), len(places))


@open_routes.get("/virtual-machines/instant/locations/{location_id}", responses=refusals(404))
async def get_instant_location(cloud: State, location_id: UUID) -> answers.InstantLocation:
    return views.instant_location(cloud.location(location_id), cloud.catalog)


@open_routes.get("/bare-metal/locations")
async def list_metal_locations(
    cloud: State, at: Annotated[Window, window(20, 50)]
) -> answers.Page[answers.MetalLocation]:
    places = [*cloud.catalog.locations.values()]
    return at.page(map(views.metal_location, at.cut(places)), len(places))


@open_routes.post("/validate/cloudinit")
async def validate_cloudinit(body: bodies.CloudInitText) -> answers.Validation:
    message = cloudinit.check_text(body.content, body.type)
    return answers.Validation(error=message is not None, message=message)
