"""The Voltage Park On-Demand API: a client, its records and its errors. Knows nothing of notebooks."""

from .client import KEY_VARIABLES, Client, key_from_environment
from .errors import (
    AuthenticationError,
    Conflict,
    ConnectionFailed,
    InsufficientFunds,
    InvalidRequest,
    NoCapacity,
    NotFound,
    OutcomeUnknown,
    PermissionDenied,
    RateLimited,
    ServiceUnavailable,
    StillWaiting,
    UnexpectedAnswer,
    VoltageParkError,
)
from .machines import Endpoint, Machine
from .offers import Offer
from .patience import Patience
from .records import Deployment
from .secret import Secret
from .together import together

__all__ = [
    "KEY_VARIABLES",
    "AuthenticationError",
    "Client",
    "Conflict",
    "ConnectionFailed",
    "Deployment",
    "Endpoint",
    "InsufficientFunds",
    "InvalidRequest",
    "Machine",
    "NoCapacity",
    "NotFound",
    "Offer",
    "OutcomeUnknown",
    "Patience",
    "PermissionDenied",
    "RateLimited",
    "Secret",
    "ServiceUnavailable",
    "StillWaiting",
    "UnexpectedAnswer",
    "VoltageParkError",
    "key_from_environment",
    "together",
]
