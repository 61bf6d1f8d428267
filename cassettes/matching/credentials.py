"""Which recorded answers are for the credentials of a request.

Only the scheme of credentials is compared, never their value, which is not in a cassette:

    recorded    GET_STATE -> 401      GET_STATE, Authorization: Basic -> 200
    received    GET_STATE -> 401      GET_STATE, Authorization: Basic -> 200, whatever the password

A client that authenticates in another way than the recorded one did still gets its answers, if
nothing in them depends on that.
"""

from collections.abc import Sequence
from http import HTTPStatus
from typing import NamedTuple

from ...proto.http.credentials import UNKNOWN_SCHEME, CredentialScheme

REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
"""Statuses that may be due to the credentials of a request."""


class RecordedCredentials(NamedTuple):
    """The credentials of a recorded request, and whether they may be why it was refused."""

    scheme: CredentialScheme = None
    is_refused: bool = False


NO_CREDENTIALS = RecordedCredentials()


def suit_credentials(
    received: CredentialScheme, recorded: Sequence[RecordedCredentials]
) -> list[bool]:
    """Return which of the answers to equal requests may be given to one with these credentials."""
    # The first that applies:
    #
    # 1. Some requests had the same scheme, or had none like this one: only their answers.
    # 2. Some request was refused, so the answers depend on the credentials: none of them.
    # 3. Some requests had credentials of another scheme, and so has this one: only their answers.
    # 4. All of them.
    same = [_is_same(received, each.scheme) for each in recorded]
    if any(same):
        return same
    if any(each.is_refused for each in recorded):
        return [False] * len(recorded)
    present = [received is not None and each.scheme is not None for each in recorded]
    return present if any(present) else [True] * len(recorded)


def _is_same(received: CredentialScheme, recorded: CredentialScheme) -> bool:
    if received is None or recorded is None:
        return received is recorded
    return received == recorded or UNKNOWN_SCHEME in (received, recorded)


def describe_scheme(scheme: CredentialScheme) -> str | None:
    """Return the name of a scheme for a report; None if there are no credentials."""
    return "credentials" if scheme == UNKNOWN_SCHEME else scheme
