"""Credentials in a request: which kind there is, without the secret (RFC 9110, section 11.4).

Authorization: Basic dXNlcjpwYXNz     basic
Authorization: token=eyJhbGciOi…      token
Authorization: eyJhbGciOi…            an unknown scheme
"""

type CredentialScheme = str | None
"""The scheme of a request's credentials, in lower case; None if it has no credentials."""

UNKNOWN_SCHEME = ""
"""Credentials of a scheme that is not in the list, or that were redacted with their scheme."""

_SCHEMES = frozenset(
    name.lower()
    for name in (
        "AWS4-HMAC-SHA256",
        "Basic",
        "Bearer",
        "Digest",
        "DPoP",
        "GNAP",
        "Hawk",
        "HOBA",
        "Kerberos",
        "Mutual",
        "Negotiate",
        "NTLM",
        "OAuth",
        "PrivateToken",
        "SCRAM-SHA-1",
        "SCRAM-SHA-256",
        "Token",
        "vapid",
    )
)
"""Schemes that are recognised. Any other first word may itself be the secret."""

_TOKEN_PARAMETER = "token="
"""The scheme of DC/OS: `token=` and a JSON web token."""


def scheme_of(authorization: str | None) -> CredentialScheme:
    """Return the scheme of an Authorization header, or None if there is none."""
    if authorization is None:
        return None
    return scheme_prefix(authorization)[:-1].lower()


def scheme_prefix(authorization: str) -> str:
    """Return the scheme at the start of a header value, and the character before the secret.

    It is empty if no scheme is recognised.
    """
    if authorization.lower().startswith(_TOKEN_PARAMETER):
        return authorization[: len(_TOKEN_PARAMETER)]
    word = authorization.replace("\t", " ").partition(" ")[0]
    return f"{word} " if word.lower() in _SCHEMES else ""
