"""Why the service says no: one exception per answer, each raised with the sentence the caller reads."""


class Refused(Exception):
    """A request that was understood, and is not carried out."""

    status = 400


class Unacceptable(Refused):
    """It names something that does not exist, or asks for what cannot be (400)."""


class Unaffordable(Refused):
    """The balance does not cover it (402)."""

    status = 402


class Unknown(Refused):
    """The thing addressed is not there, or no longer (404)."""

    status = 404


class Conflict(Refused):
    """Not in this state, or nothing left to give (409)."""

    status = 409
