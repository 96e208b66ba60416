"""Addresses of endpoints as a caller of the sockets gets them, from the standard library's form."""

from typing import Any, NamedTuple


class TransportAddress(NamedTuple):
    """An IP address and a port."""

    address: str
    port: int


class AddressList(NamedTuple):
    """The addresses of an endpoint, and its port."""

    addresses: list[str]
    port: int


def plain(text: str) -> str:
    """An address as text, without the API's mapping of IPv4 into IPv6."""
    return text.removeprefix("::ffff:") if "." in text else text


def transport_address(address: tuple[Any, ...]) -> TransportAddress:
    """The standard library's form of an address: with a flow label and a scope if it is of IPv6."""
    scope = f"%{address[3]}" if len(address) == 4 and address[3] else ""
    return TransportAddress(plain(address[0]) + scope, address[1])
