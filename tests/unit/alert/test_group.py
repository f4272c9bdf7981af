"""Groups: when they are told, and of what."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from algovigil_processor.alert.group import Group, Look, Member, Timing, begin, look

SECOND = 10**9
TIMING = Timing(30 * SECOND, 300 * SECOND, 14_400 * SECOND)
A = Member("a", critical=False, over=False)
B = Member("b", critical=False, over=False)
GRAVE = Member("c", critical=True, over=False)


def at(seconds: float, group: Group, *members: Member) -> Look:
    """Look at *group* after some seconds."""
    return look(group, members, int(seconds * SECOND), TIMING)


def said(found: Look) -> tuple[str, list[str], list[str]]:
    """What a look tells."""
    return (
        found.reason,
        [m.incident_id for m in found.firing],
        [m.incident_id for m in found.resolved],
    )


NEW = begin(0, 0, TIMING)


def told(member: Member) -> Member:
    """The member after its telling."""
    return replace(member, told="resolved" if member.over else "firing")


def test_the_first_message_waits_for_others() -> None:
    """After `wait`, once, with all that came till then."""
    assert said(at(0, NEW, A)) == ("", [], [])
    first = at(30, NEW, A, B)
    assert said(first) == ("first", ["a", "b"], [])
    assert said(at(31, first.group, told(A), told(B))) == ("", [], [])


def test_an_old_alert_does_not_wait_again() -> None:
    """One that fired longer ago than `wait` is told at once."""
    assert (
        said(look(begin(0, 60 * SECOND, TIMING), [A], 60 * SECOND, TIMING))[0]
        == "first"
    )


def test_changes_are_told_at_the_ticks() -> None:
    """New and resolved incidents wait for `interval`."""
    first = at(30, NEW, A)
    assert said(at(100, first.group, told(A), B)) == ("", [], [])
    over = replace(told(A), over=True)
    assert said(at(330, first.group, over, B)) == ("new", ["b"], ["a"])


def test_what_ended_unheard_is_not_told() -> None:
    """Resolved within `wait`: no message, and the group forgets it."""
    found = at(30, NEW, replace(A, over=True))
    assert said(found) == ("", [], [])
    assert [m.incident_id for m in found.unheard] == ["a"]


def test_all_resolved() -> None:
    """The last message says that it is over."""
    first = at(30, NEW, A)
    over = replace(told(A), over=True)
    assert said(at(330, first.group, over)) == ("all_resolved", [], ["a"])


def test_repeats_at_ticks_unless_somebody_has_it() -> None:
    """What still fires is told again after `repeat`, but not if acknowledged."""
    group = Group(14_430 * SECOND, 30 * SECOND)
    assert said(at(14_430, group, told(A))) == ("repeat", ["a"], [])
    taken = replace(told(A), acknowledged=True)
    group = replace(group, acknowledged=True)
    assert said(at(14_430, group, taken)) == ("", [], [])


def test_critical_does_not_wait() -> None:
    """A critical incident is told at once, and a trickle of them every `wait`."""
    first = at(1, NEW, GRAVE)
    assert said(first) == ("first", ["c"], [])
    another = replace(GRAVE, incident_id="d")
    assert said(at(30, first.group, told(GRAVE), another)) == ("", [], [])
    assert said(at(31, first.group, told(GRAVE), another)) == ("new", ["c", "d"], [])


def test_muted_incidents_are_not_told_but_their_end_is() -> None:
    """Nobody is left with an alert that ended while it was muted."""
    first = at(30, NEW, A)
    muted = replace(told(A), muted=True)
    assert said(at(330, first.group, muted)) == ("", [], [])
    assert said(at(330, first.group, replace(muted, over=True))) == (
        "all_resolved",
        [],
        ["a"],
    )


def test_escalation_and_ends_of_mutes_are_told_at_once() -> None:
    """They do not wait for the interval."""
    first = at(30, NEW, A)
    risen = replace(told(A), level=1)
    assert said(at(31, first.group, risen, B)) == ("escalated", ["a", "b"], [])
    unmuted = replace(told(A), act="suppression_ended")
    assert said(at(31, first.group, unmuted))[0] == "suppression_ended"


def test_acknowledged_once_by_all() -> None:
    """The group is acknowledged when all that fires is, and says so once."""
    first = at(30, NEW, A, B)
    taken = replace(told(A), acknowledged=True)
    assert said(at(31, first.group, taken, told(B)))[0] == ""
    both = at(32, first.group, taken, replace(told(B), acknowledged=True))
    assert said(both) == ("acknowledged", ["a", "b"], [])
    assert said(at(33, both.group, taken, replace(told(B), acknowledged=True)))[0] == ""


def test_a_clock_put_back_does_not_hold_a_group() -> None:
    """A tick that lies further away than any interval is due."""
    assert said(at(0, Group(10_000 * SECOND), A))[0] == "first"


def test_missed_ticks_are_not_made_up() -> None:
    """After an hour of sleep there is one look, and the next an interval later."""
    found = at(3_630, Group(330 * SECOND, 30 * SECOND), told(A))
    assert found.group.next_ns == 3_930 * SECOND


members = st.builds(
    Member,
    st.uuids().map(str),
    st.booleans(),
    st.booleans(),
    muted=st.booleans(),
    acknowledged=st.booleans(),
    told=st.sampled_from(["", "firing", "resolved"]),
)


@given(st.lists(members, max_size=8), st.integers(0, 10_000), st.integers(0, 10_000))
def test_nothing_is_told_that_is_not_so(
    those: list[Member], now: int, told_at: int
) -> None:
    """Whatever the group: what is told firing fires unmuted, what is told over is."""
    found = look(Group(now * SECOND, told_at * SECOND), those, now * SECOND, TIMING)
    assert all(not m.over and not m.muted for m in found.firing)
    assert all(m.over and m.told for m in found.resolved)
    assert all(m.over and not m.told for m in found.unheard)
    if found.reason:
        assert found.firing or found.resolved
