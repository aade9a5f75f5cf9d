"""A wish that is not carried out."""


class Refused(Exception):
    """What a user asked for cannot be done, or was not agreed to; the text is the whole message."""


class SoldOut(Refused):
    """It is sold, but cannot be had now."""
