"""The edit list: pending changes of a message, applied while it is written; what is not edited stays octet by octet."""
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uacfast.testing.edit_list import EditList

TEXT = b"0123456789abcdef"


def test_no_edits():
    assert EditList(TEXT).write() == TEXT
    assert EditList(b"").write() == b""


def test_replace_and_insert():
    edits = EditList(TEXT)
    assert edits.replace(2, 3, b"<two>")
    assert edits.insert(7, b"<seven>")
    assert edits.replace(14, 2, b"")
    assert edits.insert(0, b"<start>")
    assert edits.insert(16, b"<end>")
    assert edits.write(0, 16) == b"<start>01<two>56<seven>789abcd"    # insertions at the end itself are not written
    assert edits.write(0, 7) == b"<start>01<two>56"
    assert edits.write(7, 16) == b"<seven>789abcd"


def test_the_last_replacement_of_a_range_wins():
    edits = EditList(TEXT)
    for text in (b"first", b"second", b""):
        assert edits.replace(4, 4, text)
    assert (len(edits), edits.write()) == (1, b"012389abcdef")


def test_a_wider_replacement_drops_those_inside():
    edits = EditList(TEXT)
    assert edits.replace(4, 2, b"x")
    assert edits.insert(5 + 2, b"y")
    assert edits.replace(3, 6, b"z")
    assert (len(edits), edits.write()) == (1, b"012z9abcdef")


@pytest.mark.parametrize(("offset", "removed"), [(3, 2), (5, 1), (5, 3), (7, 5)])
def test_a_replacement_that_cuts_through_another_is_refused(offset, removed):
    edits = EditList(TEXT)
    assert edits.replace(4, 4, b"-")
    assert not edits.replace(offset, removed, b"x")
    assert edits.write() == b"0123-89abcdef"


def test_an_insertion_inside_a_replacement_is_refused():
    edits = EditList(TEXT)
    assert edits.replace(4, 4, b"-")
    assert not edits.insert(6, b"x")
    assert edits.insert(4, b"a")
    assert edits.insert(8, b"b")
    assert edits.write() == b"0123a-b89abcdef"


def test_insertions_at_one_place_keep_the_order_of_the_calls():
    edits = EditList(TEXT)
    assert edits.replace(4, 1, b"-")
    for text in (b"a", b"b", b"c"):
        assert edits.insert(4, text)
    assert edits.write() == b"0123abc-56789abcdef"


def test_nothing_removed_is_no_replacement():
    edits = EditList(TEXT)
    assert not edits.replace(4, 0, b"x")
    assert edits.write() == TEXT


def test_undo():
    edits = EditList(TEXT)
    edits.insert(4, b"a")
    edits.insert(4, b"b")
    edits.replace(4, 2, b"-")
    edits.undo(4, 0)
    assert edits.write() == b"0123-6789abcdef"
    edits.undo(4, 3)                         # no such range
    edits.undo(4, 2)
    assert (len(edits), edits.write()) == (0, TEXT)


def test_a_full_list_refuses():
    edits = EditList(bytes(1000))
    taken = [edits.insert(offset, b"x") for offset in range(0, 400, 2)]
    assert taken == [True] * 128 + [False] * 72
    assert not edits.replace(900, 1, b"y")
    assert edits.replace(0, 1, b"y") is False
    assert len(edits.write()) == 1000 + 128


def test_a_full_list_still_takes_what_replaces_its_own():
    edits = EditList(bytes(1000))
    for offset in range(128):
        assert edits.replace(offset, 1, b"x")
    assert edits.replace(5, 1, b"y")
    assert edits.replace(10, 20, b"z")
    assert len(edits) == 109


def test_the_writer_overflows_and_does_not_overrun():
    edits = EditList(TEXT)
    edits.insert(3, b"long")
    with pytest.raises(OverflowError):
        edits.write(capacity=10)
    assert edits.write(capacity=20) == b"012long3456789abcdef"


class Model:
    """The same as a list of edits in the order of their calls, applied the slow way."""

    def __init__(self, data):
        self.data = data
        self.replaced = {}                   # (offset, removed): text
        self.inserted = {}                   # offset: [text]

    def cuts(self, offset):
        return any(start < offset < start + removed for start, removed in self.replaced)

    def replace(self, offset, removed, text):
        end = offset + removed
        if removed == 0 or self.cuts(offset) or self.cuts(end):
            return False
        self.replaced = {(start, size): kept for (start, size), kept in self.replaced.items()
                         if not offset <= start < end}
        self.inserted = {at: kept for at, kept in self.inserted.items() if not offset < at < end}
        self.replaced[offset, removed] = text
        return True

    def insert(self, offset, text):
        if self.cuts(offset):
            return False
        self.inserted.setdefault(offset, []).append(text)
        return True

    def write(self):
        out, at = b"", 0
        starts = {start: (removed, text) for (start, removed), text in self.replaced.items()}
        while at < len(self.data):
            out += b"".join(self.inserted.get(at, []))
            removed, text = starts.get(at, (1, self.data[at:at + 1]))
            out += text
            at += removed
        return out


@settings(max_examples=300, deadline=None)
@given(st.binary(min_size=1, max_size=40), st.lists(st.tuples(st.booleans(), st.integers(0, 39), st.integers(0, 8),
                                                              st.binary(max_size=4)), max_size=30))
def test_against_a_model(data, calls):
    edits, model = EditList(data), Model(data)
    for is_replacement, offset, removed, text in calls:
        if offset + removed > len(data):
            continue
        if is_replacement:
            assert edits.replace(offset, removed, text) == model.replace(offset, removed, text)
        elif offset < len(data):
            assert edits.insert(offset, text) == model.insert(offset, text)
    assert edits.write() == model.write()


@settings(max_examples=200, deadline=None)
@given(st.binary(min_size=1, max_size=200), st.data())
def test_unedited_octets_stay(data, draw):
    """Everything outside the edited ranges is there, in its order."""
    edits = EditList(data)
    kept = bytearray(data)
    marks = []
    for _ in range(draw.draw(st.integers(0, 10))):
        offset = draw.draw(st.integers(0, len(data) - 1))
        removed = draw.draw(st.integers(1, len(data) - offset))
        if edits.replace(offset, removed, b""):
            marks.append((offset, removed))
    gone = set()
    for offset, removed in marks:
        gone.update(range(offset, offset + removed))
    assert edits.write() == bytes(octet for at, octet in enumerate(kept) if at not in gone)


@given(st.binary(min_size=2, max_size=60), st.data())
def test_two_parts_are_the_whole(data, draw):
    """Writing up to a place and from there gives what writing at once gives, unless an edit spans the place."""
    edits = EditList(data)
    cut = draw.draw(st.integers(0, len(data)))
    for offset in draw.draw(st.lists(st.integers(0, len(data) - 1), max_size=8)):
        edits.insert(offset, b"+")
        if offset != cut - 1:
            edits.replace(offset, 1, b"-")
    assert edits.write(0, cut) + edits.write(cut, len(data)) == edits.write()
