"""The standard reason phrase of each status (RFC 9110, section 15, and the IANA registry).

A cassette names the reason of a response only if it is not the standard phrase, so the phrases must
be the same under all versions of Python. `http.HTTPStatus` has most of them; those that differ
between its versions, or from the registry, are fixed here.
"""

from http import HTTPStatus

_FIXED_PHRASES = {
    413: "Content Too Large",
    414: "URI Too Long",
    416: "Range Not Satisfiable",
    418: "",  # reserved: the registry has no phrase for it
    422: "Unprocessable Content",
    510: "",  # obsolete
}
_PHRASES = {status.value: status.phrase for status in HTTPStatus} | _FIXED_PHRASES


def reason_phrase(status: int) -> str:
    """Return the standard phrase of a status, or an empty text if it has none."""
    return _PHRASES.get(status, "")
