"""Matchers, inhibition and silences over columns of labels."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from algovigil.config import Inhibition
from algovigil.config.notify import LABELS
from algovigil.errors import ConfigError
from algovigil_processor.alert.labels import could_match, matcher, matchers, select
from algovigil_processor.alert.suppress import Mute, Silence, inhibit, mutes


def columns(*incidents: dict[str, str]) -> dict[str, list[str]]:
    """Labels by column; what an incident leaves out is ''."""
    return {name: [one.get(name, "") for one in incidents] for name in LABELS}


CRITICAL = {"rule": "a", "severity": "critical", "model": "m", "version": "1"}
WARNING = {"rule": "b", "severity": "warning", "model": "m", "version": "1"}
ELSEWHERE = WARNING | {"model": "n"}
BY_CRITICAL = inhibit(Inhibition(('severity="critical"',), ('severity="warning"',)), 0)


@pytest.mark.parametrize(
    ("text", "hits"),
    [
        ('model="m"', [True, True, False]),
        ("model=m", [True, True, False]),
        (' model != "m" ', [False, False, True]),
        ('model=~"m|n"', [True, True, True]),
        ('severity=~"crit"', [False, False, False]),  # anchored at both ends
        ('severity=~"crit.*"', [True, False, False]),
        ('rule!~"a|x"', [False, True, True]),
        ('site=""', [True, True, True]),
    ],
)
def test_matchers(text: str, hits: list[bool]) -> None:
    """The four operators are Alertmanager's."""
    assert hits == select([matcher(text)], columns(CRITICAL, WARNING, ELSEWHERE))


@pytest.mark.parametrize(
    "text", ["", "model", '="m"', 'patient="x"', 'model=~"("', "model=" + "x" * 600]
)
def test_matchers_that_cannot_be_read(text: str) -> None:
    """Unknown labels and broken patterns are refused."""
    with pytest.raises(ConfigError):
        matcher(text)


@pytest.mark.parametrize("texts", [(), ('model=~".*"',), ('site!="x"',)])
def test_what_matches_anything_is_refused(texts: tuple[str, ...]) -> None:
    """As in Alertmanager, one matcher at least must not take an empty label."""
    with pytest.raises(ConfigError, match="empty label"):
        matchers(texts, "silence")


@given(st.text(max_size=30), st.text(max_size=30))
def test_a_matcher_reads_back(value: str, other: str) -> None:
    """Whatever the value, a matcher is written so that it reads back the same."""
    try:
        read = matcher(f'model="{value}"')
    except ConfigError:
        return  # not text that can be stored: half a surrogate pair
    assert read == matcher(str(read))
    assert [value == other] == select([read], columns({"model": other}))


def test_a_pattern_that_would_take_for_ever_does_not() -> None:
    """Patterns run in linear time."""
    evil = matcher('model=~"(a+)+b"')
    assert [False] == select([evil], columns({"model": "a" * 5000}))
    with pytest.raises(re.error):
        re.compile(r"(?P<")


def muted(*incidents: dict[str, str], firing: tuple[bool, ...] = ()) -> list[bool]:
    """Which of *incidents* `BY_CRITICAL` mutes."""
    fires = firing or (True,) * len(incidents)
    found = mutes(columns(*incidents), fires, [BY_CRITICAL], [], [], 0)
    return [bool(reasons) for reasons in found]


def test_inhibition() -> None:
    """A warning is not told while a critical one of the same model fires."""
    assert [False, True, False] == muted(CRITICAL, WARNING, ELSEWHERE)


def test_only_what_fires_inhibits() -> None:
    """An incident that ended mutes nothing."""
    assert [False, False] == muted(CRITICAL, WARNING, firing=(False, True))


def test_what_matches_both_sides_does_not_inhibit_its_like() -> None:
    """Or two alerts would silence each other, and nobody would hear of either."""
    both = inhibit(Inhibition(('rule=~".+"',), ('severity=~".+"',), ("model",)), 0)
    found = mutes(columns(CRITICAL, WARNING), (True, True), [both], [], [], 0)
    assert [(), ()] == found
    one_sided = inhibit(Inhibition(('rule=~".+"',), ('rule="b"',), ("model",)), 0)
    found = mutes(columns(CRITICAL, WARNING), (True, True), [one_sided], [], [], 0)
    assert [(), (Mute("inhibition", "inhibition 1"),)] == found


def test_silences_are_in_force_from_start_to_end() -> None:
    """A silence holds at its first nanosecond and no more at its last."""
    silence = Silence("s1", (matcher('model="m"'),), 10, 20)
    reasons = [
        mutes(columns(WARNING), (True,), [], [silence], [], now)[0]
        for now in (9, 10, 19, 20)
    ]
    assert [(), (Mute("silence", "s1"),), (Mute("silence", "s1"),), ()] == reasons


def test_could_match() -> None:
    """Whether a silence could mute critical alerts is told from its matchers."""
    assert could_match([matcher('model="m"')], "severity", "critical")
    assert not could_match([matcher('severity!="critical"')], "severity", "critical")
