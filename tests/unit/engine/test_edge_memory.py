"""Hash tables, the location and source groups: what they keep, and that it stays bounded."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from uacfast.location_share import LocationShare
from uacfast.proxy.hash_tables import HashTable, HashTables
from uacfast.proxy.location import Binding, Location
from uacfast.proxy.source_list import SourceList

# --- hash tables -----------------------------------------------------------------------------------------------------

operations = st.lists(
    st.tuples(
        st.sampled_from(["set", "get", "remove", "expire", "add"]),
        st.sampled_from("abcdef"),
        st.integers(0, 5_000),
        st.integers(0, 3_000),
    ),
    max_size=200,
)


@settings(max_examples=200, deadline=None)
@given(operations, st.booleans(), st.sampled_from([0, 1, 3]))
def test_table_is_a_dict_with_deadlines(steps, update, auto_expire):
    table = HashTable("t", auto_expire=auto_expire, update_expire=update)
    model, now = {}, 0
    for what, key, number, pause in steps:
        now += pause
        model = {k: v for k, v in model.items() if not v[1] or v[1] > now}
        if what == "set":
            if key not in model or update and auto_expire:
                model[key] = (
                    number,
                    now + auto_expire * 1000 if auto_expire else 0 if key not in model else model[key][1],
                )
            else:
                model[key] = (number, model[key][1])
            assert table.set(key, number, now)
        elif what == "get":
            assert table.get(key, now) == model.get(key, (None,))[0]
        elif what == "remove":
            assert table.remove(key) or key not in model
            model.pop(key, None)
        elif what == "expire":
            assert table.expire_in(key, number, now) == (key in model)
            if key in model:
                model[key] = (model[key][0], now + number if number else 0)
        else:
            value = model.get(key, (0, 0))[0] + 1
            assert table.add(key, 1, now) == value
            fresh = key not in model or update and auto_expire
            model[key] = (
                value,
                (now + auto_expire * 1000 if auto_expire else 0 if key not in model else model[key][1])
                if fresh
                else model[key][1],
            )
    model = {k: v for k, v in model.items() if not v[1] or v[1] > now}
    assert {key: value for key, value, _ in table.items(now)} == {k: v[0] for k, v in model.items()}


def test_expired_cells_go_without_being_asked_for():
    table = HashTable("t", auto_expire=1)
    for i in range(10_000):
        table.set(f"k{i}", i, i)
    assert len(table) < 1_100


def test_churn_leaves_nothing():
    table = HashTable("t", auto_expire=1_000_000)
    for i in range(20_000):
        table.set("k", i, i)
        table.remove("k")
    assert table.entries <= 64 + 2


def test_full_table_refuses_new_keys_only():
    table = HashTable("t", max_items=2)
    assert table.set("a", 1, 0) and table.set("b", 1, 0) and not table.set("c", 1, 0)
    assert table.set("a", 2, 0) and table.add("c", 1, 0) is None
    with pytest.raises(TypeError):
        table.set("a", 1.5, 0)


def test_initial_value_and_rules_changed():
    tables = HashTables()
    tables.define("t", initial=7)
    assert tables.get("t", "a", 0) == 7 and tables.add("t", "a", 1, 0) == 8
    tables.define("t", auto_expire=1)
    assert tables.get("t", "a", 0) == 8 and tables.get("t", "b", 0) is None
    assert tables.set("t", "a", None, 0) and tables.get("t", "a", 0) is None
    assert not tables.set("none", "a", 1, 0) and tables.get("none", "a", 0) is None
    tables.keep_only([])
    assert tables.table("t") is None


# --- location --------------------------------------------------------------------------------------------------------


def binding(contact=b"sip:a@x", expires=1000, **more):
    return Binding(contact, expires=expires, **more)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([b"a", b"b", b"c"]), st.lists(st.integers(1, 20_000), max_size=3), st.integers(0, 4_000)
        ),
        max_size=60,
    )
)
def test_location_forgets_what_expires(steps):
    location, model, now = Location(), {}, 1_000_000
    for aor, lives, pause in steps:
        now += pause
        location.replace(aor, [binding(b"sip:%d" % i, now + life) for i, life in enumerate(lives)], now)
        model[aor] = [now + life for life in lives]
        for name, ends in model.items():
            assert sorted(each.expires for each in location.bindings(name, now)) == sorted(
                end for end in ends if end > now
            )
    location.sweep(now + 22_000)
    assert (len(location), location.count) == (0, 0)


def test_sweep_goes_over_pauses_of_any_length():
    location = Location()
    location.replace(b"a", [binding(expires=5_000)], 0)
    location.sweep(10**12)
    assert len(location) == 0
    location.replace(b"a", [binding(expires=10**12 + 5_000)], 10**12)
    assert location.has(b"a", 10**12) and not location.has(b"b", 10**12)


def test_refreshing_does_not_grow_the_calendar():
    location = Location()
    for i in range(10_000):
        location.replace(b"a", [binding(expires=i * 10 + 3_600_000)], i * 10)
        location.replace(b"b", [binding(expires=i * 10 + 3_600_000)], i * 10)
        location.replace(b"b", [], i * 10)
    assert location.entries < 1_100 and location.count == 1


def test_share_between_workers():
    told = []
    here, there = Location(), Location()
    sharing = LocationShare(here, lambda: 0, lambda aor, rows: told.append((aor, rows)))
    other = LocationShare(there, lambda: 0, lambda aor, rows: pytest.fail("what others tell is not told again"))
    here.replace(b"a", [binding(expires=5_000, path=(b"<sip:p;lr>",), q=500, call_id=b"c", cseq=7)], 0)
    other.commands()["location.store"](dict(told))
    assert told == [(b"a", told[0][1])] and there.bindings(b"a", 0)[0].path == (b"<sip:p;lr>",)
    assert there.bindings(b"a", 0)[0].ruid == here.bindings(b"a", 0)[0].ruid
    here.replace(b"b", [binding(expires=5_000)], 0)
    rows = sharing.commands()["location.rows"]
    assert list(rows(b"", 1)) == [b"a"] and list(rows(b"a", 10)) == [b"b"] and rows(b"b", 10) == {}
    here.replace(b"a", [], 0)
    other.commands()["location.store"]({told[-1][0]: told[-1][1]})
    assert not there.has(b"a", 0)


# --- source groups ---------------------------------------------------------------------------------------------------


def test_groups_keep_their_identity():
    sources = SourceList([(1, "192.0.2.0/24", 0), (1, "198.51.100.1", 5060)])
    group = sources.group(1)
    assert sources.allows(1, "192.0.2.9", 1) and sources.allows(1, "198.51.100.1", 5060)
    assert not sources.allows(1, "198.51.100.1", 5061) and not sources.allows(2, "192.0.2.9")
    sources.replace([(2, "192.0.2.0/24", 0)])
    assert sources.group(1) is group and len(group) == 0 and not sources.allows(1, "192.0.2.9")
    with pytest.raises(ValueError, match="no network"):
        sources.replace([(3, "nonsense", 0)])
    assert sources.rows() == [(2, "192.0.2.0/24", 0)]
    assert sources.group_of_text("192.0.2.1") == 2 and sources.group_of_text("10.0.0.1") == -1
    assert sources.group_of_text("name") == -1 and not sources.allows(2, "192.0.2.1", 70_000)
