"""Which of the offers a launch takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal

from ..api import Offer
from ..api.offers import NETWORKS
from ..refused import Refused, SoldOut


def one_of_each(offers: Iterable[Offer], preferred_system: str) -> list[Offer]:
    """For each size, kind and network the one that a launch would take: what can be had before what is sold
    out, then the cheapest, then the preferred system. They come cheapest per GPU first, as offers do."""
    best: dict[tuple[object, ...], Offer] = {}
    for offer in sorted(offers, key=lambda offer: _rank(offer, preferred_system)):
        best.setdefault((offer.kind, offer.gpus, offer.network), offer)
    return sorted(best.values(), key=lambda offer: (offer.rate_per_gpu_hour, offer.gpus, offer.kind))


def _rank(offer: Offer, preferred_system: str) -> tuple[bool, Decimal, bool]:
    """The best to launch first, among offers of one shape."""
    return offer.sold_out, offer.rate_per_gpu_hour, not has_system(offer, preferred_system)


def has_system(offer: Offer, name: str) -> bool:
    """Whether a VM offer's operating system is called so, in part."""
    return name.lower() in (offer.operating_system or "").lower()


def chosen_offer(
    offers: Sequence[Offer],
    *,
    gpus: int,
    metal: bool,
    network: str | None,
    preferred_system: str,
    system: str | None,
    at: str | None,
) -> Offer:
    """The cheapest offer that can be had now for a launch of `gpus` GPUs.

    A VM has one of the sizes for sale and prefers a system; bare metal takes whole nodes of one place, on
    `network` or the cheapest. Raises `SoldOut` where there is none now, and
    `Refused` where there never is, with what there is instead.
    """
    if metal:
        fitting = [
            offer
            for offer in offers
            if offer.kind == "metal" and network in (None, offer.network) and at in (None, offer.id)
        ]
        if not fitting:
            raise Refused("No bare metal is sold so: see %vp prices --all.")
        if gpus <= 0 or gpus % fitting[0].gpus:
            raise Refused(f"Bare metal is rented in whole nodes: --gpus is a multiple of {fitting[0].gpus}.")
        free = [offer for offer in fitting if (offer.available or 0) * offer.gpus >= gpus]
        if not free:
            most = max((offer.available or 0) * offer.gpus for offer in fitting)
            raise SoldOut(f"No place has {gpus} such GPUs free now; the most in one place is {most}.")
        return free[0]
    if network is not None or at is not None:
        raise Refused("A VM has no choice of network or place: add --metal, or leave that out.")
    sizes = sorted({offer.gpus for offer in offers if offer.kind == "vm"})
    fitting = [offer for offer in offers if offer.kind == "vm" and offer.gpus == gpus]
    if not fitting:
        hint = f" Bare metal has more: add --metal --network {'|'.join(NETWORKS)}." if gpus > 8 else ""
        raise Refused(f"VMs are sold with {', '.join(map(str, sizes))} GPUs, not {gpus}.{hint}")
    named = [offer for offer in fitting if has_system(offer, system or "")]
    if not named:
        systems = sorted({offer.operating_system or "" for offer in fitting})
        raise Refused(f"No {gpus}-GPU VM has a system like {system!r}; there are {', '.join(systems)}.")
    best = min(named, key=lambda offer: _rank(offer, preferred_system))
    if best.sold_out:
        some = sorted({offer.gpus for offer in offers if offer.kind == "vm" and not offer.sold_out})
        instead = f"VMs with {', '.join(map(str, some))} GPUs are free." if some else "No VM is free now."
        raise SoldOut(f"VMs with {gpus} GPUs{f' and {system}' if system else ''} are sold out. {instead}")
    return best
