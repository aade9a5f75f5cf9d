"""Files for others: FOCUS 1.2 checked rule by rule, CSV and Parquet read back."""

from __future__ import annotations

import csv
import json
import re
from decimal import Decimal

import pandas as pd
import pytest

from tests.support import DATA
from vp_jupyter import costs, tables

with (DATA / "focus-1.2-columns.csv").open(newline="") as file:
    COLUMNS = {row["column"]: row for row in csv.DictReader(file)}
MANDATORY = [name for name, row in COLUMNS.items() if row["feature_level"] == "Mandatory"]
STAMP = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


def faults(rows):
    """Every breach of the specification in rows of texts, as its CSV is read ("" is null)."""
    for row in rows:
        found = [*syntax(row)]
        yield from found or consistency(row)


def syntax(row):
    """Breaches of the column's own rules."""
    for name in MANDATORY:
        if name not in row:
            yield f"{name} is missing"
    for name, value in row.items():
        rule = COLUMNS.get(name)
        if rule is None:
            yield f"{name} is no column of FOCUS"
        elif value == "":
            if rule["allows_nulls"] == "False":
                yield f"{name} is null"
        elif rule["data_type"] == "Decimal":
            number = Decimal(value)
            if not number.is_finite() or ("non-negative" in rule["number_range"] and number < 0):
                yield f"{name} is {value}"
        elif rule["data_type"] == "Date/Time" and not STAMP.fullmatch(value):
            yield f"{name} is {value}"
        elif rule["data_type"] == "JSON" and not isinstance(json.loads(value), dict):
            yield f"{name} is no object"
        elif rule["allowed_values"] and value not in rule["allowed_values"].split("; "):
            yield f"{name} is {value}"


def consistency(row):
    """Breaches of the rules between columns."""
    if (
        not row["BillingPeriodStart"]
        <= row["ChargePeriodStart"]
        < row["ChargePeriodEnd"]
        <= row["BillingPeriodEnd"]
    ):
        yield f"the charge lies outside its billing period: {row}"
    if row["ChargeCategory"] == "Usage":
        product = Decimal(row["ListUnitPrice"] or 0) * Decimal(row["PricingQuantity"] or 0)
        if row["PricingQuantity"] and abs(product - Decimal(row["ListCost"])) > Decimal("0.000001"):
            yield f"unit price times quantity is {product}, not {row['ListCost']}"
        if Decimal(row["BilledCost"]) < 0:
            yield "usage costs less than nothing"
        if row["PricingQuantity"] and not row["SkuId"]:
            yield "what is priced has no SKU"
    if row["ChargeCategory"] == "Credit" and Decimal(row["BilledCost"]) > 0:
        yield "a credit costs something"
    for quantity, unit in (("PricingQuantity", "PricingUnit"), ("ConsumedQuantity", "ConsumedUnit")):
        if bool(row[quantity]) != bool(row[unit]):
            yield f"{quantity} without {unit}"
    if bool(row["ResourceId"]) != bool(row["ResourceType"]):
        yield "a resource without its type"


def exported(history, lines, path):
    frame = costs.focus(lines, account_id="org", account_name="Org", labels=history.labels)
    costs.write(frame, path)
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_seeded_month_keeps_every_rule_of_focus(history, tmp_path):
    assert len(MANDATORY) == 21
    for period in history.periods:
        lines = tables.transactions([period], history.now)
        rows = exported(history, lines, tmp_path / "focus.csv")
        assert len(rows) == (lines["entry"] != "deposit").sum()
        assert list(faults(rows)) == []
        cost = sum((Decimal(row["BilledCost"]) for row in rows), Decimal(0))
        deposited = sum(
            one.period_amount for one in period.transactions if one.details.type == "stripe_deposit"
        )
        assert deposited - cost == period.balances.delta


def test_the_validator_finds_what_is_wrong(history, tmp_path):
    rows = exported(history, history.lines.head(30), tmp_path / "focus.csv")
    for name, value in {
        "BilledCost": "NaN",
        "BillingCurrency": "",
        "ChargeCategory": "Tip",
        "ChargePeriodEnd": "2020-01-01T00:00:00Z",
        "ListUnitPrice": "99",
        "Tags": "[]",
        "PricingUnit": "",
    }.items():
        assert list(faults([rows[0] | {name: value}])), name


def test_tags_and_names_are_those_of_the_machine(history, tmp_path):
    rows = exported(history, history.lines, tmp_path / "focus.csv")
    tags = dict(zip(history.labels["id"], history.labels["tags"], strict=True))
    seen = 0
    for row in rows:
        if row["ResourceId"] in tags and tags[row["ResourceId"]]:
            pairs = dict(tag.split(":", 1) for tag in tags[row["ResourceId"]])
            assert json.loads(row["Tags"]) == pairs
            seen += 1
    assert seen


def test_csv_and_parquet_hold_the_same_exact_money(history, tmp_path):
    costs.write(history.lines, tmp_path / "lines.parquet")
    costs.write(history.lines, tmp_path / "lines.csv")
    parquet = pd.read_parquet(tmp_path / "lines.parquet", dtype_backend="pyarrow")
    assert parquet["amount"].sum() == costs.total(history.lines)
    with (tmp_path / "lines.csv").open(newline="") as file:
        assert sum(Decimal(row["amount"]) for row in csv.DictReader(file)) == costs.total(history.lines)


def test_no_text_from_elsewhere_begins_a_formula_in_a_spreadsheet(tmp_path):
    costs.write(pd.DataFrame({"note": ['=HYPERLINK("http://x")', "fine"]}), tmp_path / "x.csv")
    assert (tmp_path / "x.csv").read_text().splitlines()[1].startswith("\"'=")


def test_another_suffix_is_refused(history, tmp_path):
    with pytest.raises(ValueError, match=r"\.csv or \.parquet"):
        costs.write(history.lines, tmp_path / "lines.xlsx")
