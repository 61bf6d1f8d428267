"""The bytes of recorded bodies, and errors with the place in the cassette.

A body that was edited may not be JSON any more. The error says where it is:

    master.yaml:20: event 2 of exchange 1: json: not JSON: …
"""

from ..format.bodies import BodyError, encode_body
from ..format.documents import Body, CassetteError, Event, Exchange, ExchangeError
from .reader import Cassette


def encode_event(cassette: Cassette, event: Event, message: str | None) -> bytes:
    """Return the bytes of a record; `message` is its full protobuf name. Raises ExchangeError."""
    try:
        return encode_body(event, message)
    except BodyError as error:
        raise event_error(cassette, event, error) from error


def encode_request(cassette: Cassette, exchange: Exchange, message: str | None) -> bytes:
    """Return the bytes of a request's body, like `encode_event`."""
    return _encode(cassette, exchange, exchange.request, message)


def encode_response(cassette: Cassette, exchange: Exchange, message: str | None = None) -> bytes:
    """Return the bytes of a response's body, like `encode_event`."""
    return _encode(cassette, exchange, exchange.response, message)


def event_error(cassette: Cassette, event: Event, error: ValueError) -> ExchangeError:
    """Return the error for a record that cannot be played because of `error`."""
    return ExchangeError(event.of, f"{_place(cassette, event.of, event)}: {error}")


def exchange_error(cassette: Cassette, number: int, error: Exception) -> ExchangeError:
    """Return the error for an exchange that cannot be played because of `error`."""
    match error:
        case ExchangeError():
            return error
        case CassetteError():
            return ExchangeError(number, f"{error} (exchange {number})")
        case _:
            reason = f"{type(error).__name__}: {error}".removesuffix(": ")
            return ExchangeError(number, f"{_place(cassette, number)}: {reason}")


def _encode(cassette: Cassette, exchange: Exchange, body: Body, message: str | None) -> bytes:
    try:
        return encode_body(body, message)
    except BodyError as error:
        part = "request" if body is exchange.request else "response"
        text = f"{_place(cassette, exchange.exchange)}: {part}: {error}"
        raise ExchangeError(exchange.exchange, text) from error


def _place(cassette: Cassette, number: int, event: Event | None = None) -> str:
    name = f"exchange {number}" if event is None else f"event {event.event} of exchange {number}"
    try:
        line = cassette.line_of(number, event)
    except (CassetteError, OSError):
        line = None
    return f"{cassette.path}: {name}" if line is None else f"{cassette.path}:{line}: {name}"
