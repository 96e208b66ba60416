"""What goes with a message: given to a sending call or told by a receiving one, and kept by the journal."""

from typing import Any, NamedTuple

from sctpinspect.journal import digest
from sctpinspect.journal.layout import LINUX, Json, Layouts, Numbers, flag_names
from sctpinspect.journal.linux import IPPROTO_SCTP
from sctpinspect.journal.structures import (
    CALL_FLAGS,
    MESSAGE_FLAGS,
    Control,
    Notification,
    RcvInfo,
    SndInfo,
    SndRcvInfo,
    parse_control,
    parse_notification,
    show_notification,
)
from sctpinspect.sockets.addresses import transport_address

START = 32  # bytes of user data that the journal keeps


class Message(NamedTuple):
    """What a receiving call gave: a user message, a part of one, or a notification.

    What the kernel did not tell, because it was not asked to (SCTP_RECVRCVINFO, SCTP_EVENTS), is None.
    Empty data without a notification: the peer has closed.
    """

    data: bytes
    address: str | None = None
    port: int | None = None
    flags: int = 0
    stream: int | None = None
    ssn: int | None = None
    ppid: int | None = None
    tsn: int | None = None
    cumulative_tsn: int | None = None
    unordered: bool | None = None
    context: int | None = None
    association_id: int | None = None
    notification: Notification | None = None
    control: tuple[Control, ...] = ()


def user_data(data: bytes) -> Json:
    """Length, digest and first bytes of what was sent or received."""
    return {"length": len(data), "digest": digest(data), "start": data[:START].hex()}


def show_control(item: Control, numbers: Numbers = LINUX) -> Json:
    """A control message with its type."""
    return {"type": item.NAME, **item.show(numbers)}


def send_info(control: tuple[Control, ...], flags: int, numbers: Numbers = LINUX) -> Json:
    """What holds for a message that is sent; None where the socket's defaults decide."""
    names = flag_names(flags, CALL_FLAGS, numbers)
    for item in control:
        if isinstance(item, SndInfo):
            return {
                "association_id": item.snd_assoc_id or None,
                "stream": item.snd_sid,
                "ppid": item.snd_ppid,
                "flags": flag_names(item.snd_flags, MESSAGE_FLAGS, numbers) + names,
                "context": item.snd_context,
                "time_to_live": None,
            }
        if isinstance(item, SndRcvInfo):
            return {
                "association_id": item.sinfo_assoc_id or None,
                "stream": item.sinfo_stream,
                "ppid": item.sinfo_ppid,
                "flags": flag_names(item.sinfo_flags, MESSAGE_FLAGS, numbers) + names,
                "context": item.sinfo_context,
                "time_to_live": item.sinfo_timetolive,
            }
    keys = ("association_id", "stream", "ppid", "context", "time_to_live")
    return {**dict.fromkeys(keys), "flags": names or None}


def received(
    data: bytes,
    ancillary: list[tuple[int, int, bytes]],
    flags: int,
    address: Any,
    numbers: Numbers = LINUX,
    layouts: Layouts | None = None,
) -> Message:
    """What recvmsg() of the standard library returned, taken apart."""
    items = (
        parse_control(number, value, numbers) for level, number, value in ancillary if level == IPPROTO_SCTP
    )
    message = Message(data, flags=flags, control=tuple(item for item in items if item is not None))
    if address:
        message = message._replace(**transport_address(address)._asdict())
    if flags & numbers["MSG_NOTIFICATION"]:
        notification = parse_notification(data, numbers, layouts)
        return message._replace(notification=notification, association_id=notification.association_id)
    for item in message.control:
        if isinstance(item, RcvInfo):
            return message._replace(
                stream=item.rcv_sid,
                ssn=item.rcv_ssn,
                ppid=item.rcv_ppid,
                tsn=item.rcv_tsn,
                cumulative_tsn=item.rcv_cumtsn,
                unordered=bool(item.rcv_flags & numbers["SCTP_UNORDERED"]),
                context=item.rcv_context,
                association_id=item.rcv_assoc_id,
            )
        if isinstance(item, SndRcvInfo):
            message = message._replace(
                stream=item.sinfo_stream,
                ssn=item.sinfo_ssn,
                ppid=item.sinfo_ppid,
                tsn=item.sinfo_tsn,
                cumulative_tsn=item.sinfo_cumtsn,
                unordered=bool(item.sinfo_flags & numbers["SCTP_UNORDERED"]),
                context=item.sinfo_context,
                association_id=item.sinfo_assoc_id,
            )
    return message


def show(message: Message, numbers: Numbers = LINUX) -> Json:
    """What the journal keeps of a received message: of user data the digest, of a notification its fields."""
    shown = message._asdict()
    del shown["data"]
    shown["flags"] = flag_names(message.flags, CALL_FLAGS, numbers)
    shown["control"] = [show_control(item, numbers) for item in message.control]
    if message.notification is None:
        return {**user_data(message.data), **shown}
    shown["notification"] = show_notification(message.notification)
    return shown
