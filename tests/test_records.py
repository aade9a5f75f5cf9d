"""The documentation's examples and the recorded answers decode without loss; odd ones fail by name."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from tests.support import data
from vp_jupyter.api import records
from vp_jupyter.api.errors import UnexpectedAnswer
from vp_jupyter.api.records import Page
from vp_jupyter.api.secret import Secret
from vp_jupyter.api.wire import decoded

R = records
RECORD_OF = {
    ("GET", "/locations/"): Page[R.Location],
    ("GET", "/locations/{location_id}"): R.Location,
    ("GET", "/hostnodes/{hostnode_id}"): R.Hostnode,
    ("GET", "/virtual-machines/"): Page[R.VirtualMachine],
    ("GET", "/virtual-machines/{virtual_machine_id}"): R.VirtualMachine,
    ("PATCH", "/virtual-machines/{virtual_machine_id}"): R.Labels,
    ("PUT", "/virtual-machines/{virtual_machine_id}/power-status"): R.PowerStatus,
    ("GET", "/instant-deploy-presets/"): list[R.Preset],
    ("GET", "/instant-deploy-presets/{instant_deploy_preset_id}"): R.Preset,
    ("GET", "/bare-metal/locations"): Page[R.MetalLocation],
    ("GET", "/bare-metal/"): Page[R.Rental],
    ("PATCH", "/bare-metal/{baremetal_rental_id}"): R.Labels,
    ("GET", "/billing/transactions"): Page[R.Transaction],
    ("GET", "/billing/reports/{year}/{month}/transactions"): R.BillingReport,
    ("GET", "/organization/ssh-keys"): Page[R.SshKey],
    ("POST", "/organization/ssh-keys"): R.SshKey,
    ("POST", "/validate/cloudinit"): R.Validation,
    ("POST", "/storage/"): R.Volume,
    ("GET", "/storage/"): Page[R.Volume],
    ("PATCH", "/storage/{storage_id}"): R.Volume,
    ("GET", "/storage/{storage_id}"): R.Volume,
}
MONEY = ("_hr", "_hourly", "_amount", "balance_")
EXAMPLES = [
    (RECORD_OF[one["method"], one["path"]], one["answer"])
    for one in data("documented.json")
    if (one["method"], one["path"]) in RECORD_OF
]
RECORDED = [
    (Page[R.MetalLocation], data("bare_metal_locations.json")),
    (list[R.Preset], data("instant_deploy_presets.json")),
    (Page[R.InstantLocation], data("instant_locations_empty.json")),
]


def priced(value, name=""):
    """The example with amounts in place of the documentation's word for any text."""
    if isinstance(value, dict):
        return {key: priced(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [priced(item, name) for item in value]
    return "1.234567" if value == "text" and any(part in name for part in MONEY) else value


def lost(sent, kept, path="$"):
    """Every place of what was sent that is not in what was kept."""
    if isinstance(sent, dict):
        for key, value in sent.items():
            if key not in kept:
                yield f"{path}.{key}"
            else:
                yield from lost(value, kept[key], f"{path}.{key}")
    elif isinstance(sent, list):
        if len(sent) != len(kept):
            yield path
        for index, (one, other) in enumerate(zip(sent, kept, strict=False)):
            yield from lost(one, other, f"{path}[{index}]")
    elif sent != kept and not equal_in_other_words(sent, kept):
        yield f"{path}: {sent!r} became {kept!r}"


def equal_in_other_words(sent, kept):
    if isinstance(kept, str) and isinstance(sent, float | int):
        return Decimal(str(sent)) == Decimal(kept)
    return datetime.fromisoformat(sent) == datetime.fromisoformat(kept) if "T" in str(sent) else False


def test_every_documented_answer_has_a_record():
    with_body = {(one["method"], one["path"]) for one in data("documented.json") if one["answer"] is not None}
    launches = {("POST", "/virtual-machines/instant"), ("POST", "/bare-metal/")}
    assert with_body == set(RECORD_OF) | launches


@pytest.mark.parametrize(("record", "answer"), EXAMPLES + RECORDED)
def test_an_answer_decodes_without_loss(record, answer):
    sent = priced(answer)
    kept = decoded(json.dumps(sent).encode(), record, asked="GET /x")
    hidden = {Secret: lambda secret: secret.reveal()}
    again = json.loads(msgspec.json.encode(kept, enc_hook=lambda value: hidden[type(value)](value)))
    assert list(lost(sent, again)) == []


def test_money_is_exact_from_a_text_and_from_a_number():
    location = decoded(
        b'{"id": "a", "gpu_price_ethernet": 2.49, "gpu_price_infiniband": "0.000030"}',
        R.MetalLocation,
        asked="",
    )
    assert location.gpu_price_ethernet == Decimal("2.49")
    assert str(location.gpu_price_infiniband) == "0.000030"


def test_missing_and_null_and_new_fields_are_met_with_grace():
    vm = decoded(b'{"id": "a", "tags": null, "port_forwards": null, "news": [1]}', R.VirtualMachine, asked="")
    assert (vm.tags, vm.port_forwards, vm.name, vm.pricing.gpus_per_hr) == ([], [], None, None)


def test_a_time_without_a_zone_is_utc():
    vm = decoded(b'{"id": "a", "timestamp_creation": "2026-01-02T03:04:05"}', R.VirtualMachine, asked="")
    assert vm.timestamp_creation == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.mark.parametrize("amount", ['"NaN"', '"Infinity"', '"text"', "true", '""'])
def test_what_is_no_amount_is_an_error_that_names_the_field(amount):
    with pytest.raises(UnexpectedAnswer, match="total_amount"):
        decoded(f'{{"id": "a", "total_amount": {amount}}}'.encode(), R.Transaction, asked="GET /x")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[", b"\xff\xfe", b'"text"', b"[" * 100_000])
def test_what_is_no_record_is_an_error_and_no_crash(body):
    with pytest.raises(UnexpectedAnswer):
        decoded(body, R.VirtualMachine, asked="GET /x")


def test_a_kubeconfig_does_not_show():
    rental = decoded(b'{"id": "a", "kubeconfig": "canary"}', R.Rental, asked="")
    assert rental.kubeconfig.reveal() == "canary"
    assert "canary" not in repr(rental) + str(rental) + f"{rental.kubeconfig}"
