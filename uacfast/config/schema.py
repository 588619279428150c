"""What the keys of a table are: read once from a Struct's annotations."""
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec

from .values import SECRET, Check, Marker


class Value(msgspec.Struct, frozen=True, kw_only=True):
    """One value as the schema sees it."""

    type: Any                              # what msgspec.convert is asked for; a Struct type for a table
    struct: type | None = None
    expected: str
    checks: tuple[Check, ...] = ()
    markers: tuple[Marker, ...] = ()

    @property
    def secret(self) -> bool:
        return SECRET in self.markers or bool(self.struct and getattr(self.struct, "SECRET_TABLE", False))


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One key of a table."""

    key: str                               # as written in TOML
    name: str                              # the attribute of the Struct
    value: Value                           # of the key, or of each element when `many`
    many: bool = False
    markers: tuple[Marker, ...] = ()       # of the list when `many`
    required: bool = False
    default: Any = None

    @property
    def secret(self) -> bool:
        return self.value.secret or SECRET in self.markers


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _peel(kind: Any) -> tuple[Any, tuple[Any, ...]]:
    """Takes `| None`, `| UnsetType` and Annotated off a type: (the bare type, the annotations)."""
    if get_origin(kind) in (Union, UnionType):
        kind, = (part for part in get_args(kind) if part not in (type(None), msgspec.UnsetType))
    if get_origin(kind) is Annotated:
        bare, *notes = get_args(kind)
        return bare, tuple(notes)
    return kind, ()


def _value(kind: Any) -> Value:
    bare, notes = _peel(kind)
    described = next((note.description for note in notes if isinstance(note, msgspec.Meta) and note.description), None)
    if _is_struct(bare):
        table = "a table"
        names = ", ".join(field.encode_name for field in msgspec.structs.fields(bare))
        return Value(type=bare, struct=bare, expected=getattr(bare, "EXPECTED", f"{table} {{ {names} }}"))
    if get_origin(bare) is Literal:
        described = "one of " + ", ".join(f'"{choice}"' for choice in get_args(bare))
    meta = next((note for note in notes if isinstance(note, msgspec.Meta)), None)
    return Value(type=Annotated[bare, meta] if meta else bare, expected=described or f"a value of type {bare}",
                 checks=tuple(note for note in notes if isinstance(note, Check)),
                 markers=tuple(note for note in notes if isinstance(note, Marker)))


@cache
def keys_of(struct: type[msgspec.Struct]) -> dict[str, Key]:
    """The keys of a table by their TOML name, in the order of their definition."""
    found = {}
    for field in msgspec.structs.fields(struct):
        bare, notes = _peel(field.type)
        many = get_origin(bare) is tuple
        default = field.default if field.default is not msgspec.NODEFAULT else None
        if field.default_factory is not msgspec.NODEFAULT:
            default = field.default_factory()
        found[field.encode_name] = Key(key=field.encode_name, name=field.name, many=many, required=field.required,
                                       default=default, value=_value(get_args(bare)[0] if many else field.type),
                                       markers=tuple(note for note in notes if isinstance(note, Marker)))
    return found


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """Base of every table: its repr() shows no secret."""

    def __repr__(self) -> str:
        shown = []
        for key in keys_of(type(self)).values():
            value = getattr(self, key.name)
            hidden = key.secret and not key.value.struct and value
            shown.append(f"{key.name}={'***' if hidden else repr(value)}")
        return f"{type(self).__name__}({', '.join(shown)})"
