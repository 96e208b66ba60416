"""C structures, declared with a line per field: how their bytes are laid out, and shown as JSON."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar, dataclass_transform

from sctpinspect.journal import linux
from sctpinspect.journal.addresses import (
    BYTE_ORDER,
    Address,
    pack_inet,
    pack_sockaddr,
    unpack_inet,
    unpack_sockaddr,
)

Numbers = Mapping[str, int]
"""What a system's names stand for."""
Json = dict[str, Any]

LINUX: Numbers = {name: value for name, value in vars(linux).items() if name.isupper()}


class Integer:
    """A C integer; `names` are those of its values, `flags` says that the value combines several."""

    def __init__(
        self, size: int, *names: str, signed: bool = False, flags: bool = False, network: bool = False
    ):
        self.size = self.align = size
        self.names = names
        self.signed = signed
        self.flags = flags
        self.order = "big" if network else BYTE_ORDER

    def pack(self, value: int) -> bytes:
        return value.to_bytes(self.size, self.order, signed=self.signed)

    def unpack(self, data: bytes) -> int:
        return int.from_bytes(data, self.order, signed=self.signed)

    def show(self, name: str, value: int, numbers: Numbers) -> Json:
        if self.flags:
            return {name: flag_names(value, self.names, numbers)}
        return {name: next((known for known in self.names if numbers.get(known) == value), value)}


class WideCause(Integer):
    """An error cause code as Linux widens it: 16 bits in network byte order, in 32 bits in its own."""

    def __init__(self) -> None:
        super().__init__(4)

    def pack(self, value: int) -> bytes:
        return super().pack(self._swap(value))

    def unpack(self, data: bytes) -> int:
        return self._swap(super().unpack(data))

    @staticmethod
    def _swap(value: int) -> int:
        code = (value & 0xFFFF).to_bytes(2, BYTE_ORDER)
        return value & ~0xFFFF | int.from_bytes(code, "big")


class Storage:
    """struct sockaddr_storage: (address, port), or None for the unspecified address."""

    size, align = 128, 8

    def pack(self, value: Address | None) -> bytes:
        return (pack_sockaddr(value) if value else b"").ljust(self.size, b"\0")

    def unpack(self, data: bytes) -> Address | None:
        return unpack_sockaddr(data)

    def show(self, name: str, value: Address | None, numbers: Numbers) -> Json:
        if value is None:
            return {name: None}
        return {name: value[0], **({f"{name}_port": value[1]} if value[1] else {})}


class Inet:
    """struct in_addr or in6_addr."""

    def __init__(self, size: int):
        self.size, self.align = size, 4

    def pack(self, value: str) -> bytes:
        return pack_inet(value)

    def unpack(self, data: bytes) -> str:
        return unpack_inet(data)

    def show(self, name: str, value: str, numbers: Numbers) -> Json:
        return {name: value}


class Octets:
    """A flexible array of bytes at the end."""

    size, align = 0, 1

    def pack(self, value: bytes) -> bytes:
        return value

    def unpack(self, data: bytes) -> bytes:
        return data

    def show(self, name: str, value: bytes, numbers: Numbers) -> Json:
        return {name: value.hex()}


class Integers:
    """A flexible array of integers at the end."""

    size = 0

    def __init__(self, element: Integer):
        self.element, self.align = element, element.align

    def pack(self, value: tuple[int, ...]) -> bytes:
        return b"".join(map(self.element.pack, value))

    def unpack(self, data: bytes) -> tuple[int, ...]:
        step = self.element.size
        return tuple(self.element.unpack(data[at : at + step]) for at in range(0, len(data) - step + 1, step))

    def show(self, name: str, value: tuple[int, ...], numbers: Numbers) -> Json:
        return {name: list(value)}


class Nested:
    """A structure in a structure."""

    def __init__(self, structure: "type[Structure]"):
        self.structure, self.size, self.align = structure, structure.SIZE, structure.ALIGN

    def pack(self, value: "Structure | None") -> bytes:
        return (value or self.structure()).pack()

    def unpack(self, data: bytes) -> "Structure":
        return self.structure.unpack(data)

    def show(self, name: str, value: "Structure | None", numbers: Numbers) -> Json:
        return {name: (value or self.structure()).show(numbers)}


Kind = Integer | Storage | Inet | Octets | Integers | Nested


def flag_names(value: int, names: tuple[str, ...], numbers: Numbers = LINUX) -> list[str]:
    """The names of the flags in `value`; what has no name is given in hexadecimal."""
    found = []
    for name in names:
        number = numbers.get(name, 0)
        if number and value & number == number:
            found.append(name)
            value &= ~number
    return found + ([hex(value)] if value else [])


AStructure = TypeVar("AStructure", bound="Structure")


@dataclass_transform(kw_only_default=True)
class Structure:
    """A C structure: its fields are the annotated attributes, in order."""

    FIELDS: ClassVar[dict[str, Kind]] = {}
    OFFSETS: ClassVar[dict[str, int]] = {}
    SIZE: ClassVar[int] = 0
    ALIGN: ClassVar[int] = 1
    ENDS_IN_LIST: ClassVar[bool] = False

    def __init_subclass__(cls, packed: bool = False, fields: str = "", **keywords: Any) -> None:
        """Lay the fields out as C does; `packed`: as GCC does with __attribute__((packed, aligned(4))).

        fields: these, in another order than that of their lines; those not in it are left out.
        """
        super().__init_subclass__(**keywords)
        cls.FIELDS = {
            name: annotation.__metadata__[0]
            for base in reversed(cls.__mro__)
            for name, annotation in vars(base).get("__annotations__", {}).items()
            if hasattr(annotation, "__metadata__")
        }
        if fields:
            cls.FIELDS = {name: cls.FIELDS[name] for name in fields.split()}
        cls.OFFSETS, end = {}, 0
        for name, kind in cls.FIELDS.items():
            cls.OFFSETS[name] = end if packed else _aligned(end, kind.align)
            end = cls.OFFSETS[name] + kind.size
        cls.ALIGN = 4 if packed else max((kind.align for kind in cls.FIELDS.values()), default=1)
        cls.SIZE = _aligned(end, cls.ALIGN)
        cls.ENDS_IN_LIST = any(kind.size == 0 for kind in cls.FIELDS.values())

    def __init__(self, **values: Any):
        if unknown := values.keys() - self.FIELDS.keys():
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}")
        self.__dict__.update(values)

    def pack(self) -> bytes:
        """The bytes of the C structure. Raises ValueError if a value does not fit its field."""
        data = b""
        for name, kind in self.FIELDS.items():
            value: Any = getattr(self, name)
            try:
                data = data.ljust(self.OFFSETS[name], b"\0") + kind.pack(value)
            except (OverflowError, AttributeError, TypeError) as error:
                raise ValueError(f"{type(self).__name__}: {value!r} does not fit {name}") from error
        return data.ljust(self.SIZE, b"\0")

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """The structure in `data`; fields that lie beyond its end keep their defaults."""
        values = {}
        for name, kind in cls.FIELDS.items():
            start = cls.OFFSETS[name]
            end = start + kind.size if kind.size else len(data)
            if start <= end <= len(data):
                values[name] = kind.unpack(data[start:end])
        return cls(**values)

    def show(self, numbers: Numbers = LINUX) -> Json:
        """All fields as JSON values: flags and states by name, addresses as text, bytes in hexadecimal."""
        return self._show(list(self.FIELDS), numbers)

    def given(self, numbers: Numbers = LINUX) -> Json:
        """The same for those fields only that were given, or that were whole in the unpacked bytes."""
        return self._show(list(self._values()), numbers)

    def _show(self, names: list[str], numbers: Numbers) -> Json:
        shown: Json = {}
        for name in names:
            value: Any = getattr(self, name)
            shown.update(self.FIELDS[name].show(name, value, numbers))
        return shown

    @classmethod
    def decode(cls, data: bytes, numbers: Numbers = LINUX) -> Json:
        """The fields in `data` as JSON values; {"raw": hex} if it ends within a field. Never raises."""
        ends = {cls.OFFSETS[name] + kind.size for name, kind in cls.FIELDS.items()}
        if len(data) < max(ends, default=0) and len(data) not in ends:
            return {"raw": data.hex()}
        return cls.unpack(data).given(numbers)

    def replace(self, **values: Any) -> Self:
        """A copy with other values in some fields."""
        return type(self)(**{**self._values(), **values})

    def laid_out(self, layout: "type[AStructure]") -> "AStructure":
        """The same values in the fields of another layout, as far as it has them."""
        return layout(**{name: value for name, value in self._values().items() if name in layout.FIELDS})

    def _values(self) -> dict[str, Any]:
        return {name: self.__dict__[name] for name in self.FIELDS if name in self.__dict__}

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.pack() == other.pack()

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value!r}" for name, value in self._values().items())
        return f"{type(self).__name__}({values})"


def _aligned(offset: int, align: int) -> int:
    return -(-offset // align) * align


Layouts = Mapping[type[Structure], type[Structure]]
"""How a system lays structures out where that is another way than Linux'."""
