"""What every part of the cloud shares: the clock, the chance, the stock and the books."""

import random
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from vp_jupyter.sandbox.catalog import Catalog, new_id
from vp_jupyter.sandbox.clock import Clock
from vp_jupyter.sandbox.ledger import FOREVER, Charge, Instance, Kind, Ledger
from vp_jupyter.sandbox.refusals import Unaffordable


@dataclass
class World:
    clock: Clock
    rng: random.Random
    catalog: Catalog
    ledger: Ledger = field(default_factory=Ledger)

    def now(self) -> datetime:
        return self.clock.now()

    def new_id(self) -> UUID:
        return new_id(self.rng)

    def balance(self) -> Decimal:
        return self.ledger.balance(FOREVER, self.now())

    def afford(self, further: Decimal) -> None:
        """Refuse what the balance would not carry for an hour, together with all that runs already."""
        burn, balance = self.ledger.burn() + further, self.balance()
        if balance < burn:
            raise Unaffordable(
                f"Insufficient balance: {balance:.6f} USD do not cover an hour at {burn:.6f} USD."
            )

    def bill(self, kind: Kind, subject: UUID, rate: Decimal) -> Charge:
        """Start billing something: a new instance, at this rate from now on."""
        return self.ledger.open(Instance(self.new_id(), kind, subject, self.now()), rate)
