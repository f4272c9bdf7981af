"""Rules and channels are checked at start: found, expected, hint."""

from __future__ import annotations

import pytest

from algovigil.config import Alerts, Channel, MonitoringConfig, Rule
from algovigil.errors import ConfigError
from algovigil_processor.alert.deliver.couriers import build
from algovigil_processor.alert.evaluate.readings import Subject
from algovigil_processor.alert.rules.compile import compile_rules
from algovigil_processor.alert.rules.needs import Need

MAIL = {"smtp_server": "localhost", "sender": "a@b.org", "to": ("c@d.org",)}


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ([Rule("a", "latency_p95 = 5")], "hint: write `==`"),
        ([Rule("a", "eror_rate > 5%")], "did you mean `error_rate`"),
        ([Rule("a", "error_rate > 5")], "condition of rule 'a'"),
        ([Rule("a", "psi > 1"), Rule("a", "psi > 2")], "two rules named 'a'"),
        ([Rule("", "psi > 1")], "rule name ''"),
        ([Rule("a\nBcc: x@y.org", "psi > 1")], "one printable line"),
        ([Rule("a" * 101, "psi > 1")], "1 to 100 characters"),
        ([Rule("a", "psi > 1", resolve_when="psi < ")], "resolve_when of rule 'a'"),
        ([Rule("a", "psi > 1", resolve_when="psi by subgroup < 1")], "another cut"),
        ([Rule("a", "psi > 1", keep_firing=-1)], "keep_firing of rule 'a'"),
        ([Rule("a", "psi > 1", duration=-1)], "seconds from 0"),
        ([Rule("a", "psi > 1", duration=float("nan"))], "seconds from 0"),
    ],
)
def test_refused_rules(rules: list[Rule], said: str) -> None:
    """A rule that cannot be obeyed stops the start."""
    with pytest.raises(ConfigError) as caught:
        compile_rules(rules)
    assert said in str(caught.value)


def test_unknown_channel_is_refused() -> None:
    """A rule that names a channel nobody declared stops the start, with a hint."""
    with pytest.raises(ConfigError, match="did you mean `pager`"):
        Alerts(
            rules=(Rule("a", "psi > 1", channels=("pagr",)),),
            channels={"pager": Channel("webhook", url="https://h.org/")},
        )


@pytest.mark.parametrize(
    ("channel", "said"),
    [
        (Channel("webhook"), "no web address"),
        (Channel("webhook", url="ftp://h.org/"), "no web address"),
        (Channel("webhook", url="https://"), "no web address"),
        (Channel("webhook", url="http://[::1"), "no web address"),
        (Channel("webhook", url_env_var="NO_SUCH_VARIABLE"), "NO_SUCH_VARIABLE"),
        (Channel("webhook", url="http://h/", secret_env_var="SHORT"), "24 bytes"),
        (Channel("webhook", url="http://h/", secret_env_var="TEXT"), "whsec_"),
        (Channel("email", **MAIL | {"smtp_server": ""}), "no `smtp_server`"),
        (Channel("email", **MAIL | {"to": ()}), "no recipient"),
        (Channel("email", **MAIL | {"sender": ""}), "address ''"),
        (Channel("email", **MAIL | {"to": ("a@b.org\nBcc: e@f.org",)}), "address"),
        (Channel("email", **MAIL | {"to": ("J <a@b.org>",)}), "address"),
        (Channel("email", **MAIL, username="u"), "both of them"),
        (
            Channel("email", **MAIL, username="u", password_env_var="NO_SUCH_VARIABLE"),
            "NO_SUCH_VARIABLE",
        ),
        (
            Channel("email", **MAIL | {"smtp_server": "mx.org"}, tls="none"),
            "never travel in clear text",
        ),
        (
            Channel("email", **MAIL | {"smtp_server": "10.0.0.1"}, tls="none"),
            "`starttls` or `implicit`",
        ),
    ],
)
def test_refused_channels(
    channel: Channel, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A channel that cannot work, or would send clear text away, stops the start."""
    monkeypatch.setenv("SHORT", "whsec_c2hvcnQ=")
    monkeypatch.setenv("TEXT", "a pass phrase, not base64")
    with pytest.raises(ConfigError) as caught:
        build(MonitoringConfig(alerts=Alerts(channels={"c": channel})))
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "host", ["localhost", "127.0.0.1", "127.9.9.9", "::1", "[::1]"]
)
def test_clear_text_stays_on_this_machine(host: str) -> None:
    """`tls: none` is for a server on loopback, and there it is taken."""
    channel = Channel("email", **MAIL | {"smtp_server": host}, tls="none")
    build(MonitoringConfig(alerts=Alerts(channels={"c": channel})))


def test_selectors_choose_subjects() -> None:
    """A rule covers exactly the subjects that its selectors let through."""
    (rule,) = compile_rules([Rule("a", 'psi{model="m"} > ks_p_value{version="2"}')])
    assert rule.covers(Subject("m", "2"))
    assert not rule.covers(Subject("m", "1"))
    assert not rule.covers(Subject("n", "2"))
    assert {Need("psi"), Need("ks_p_value")} == rule.needs
