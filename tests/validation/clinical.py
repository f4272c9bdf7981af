"""Clinical statistics: coverage of every interval, type I error, power, refusals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tests.validation.checks import Check, share

from algovigil.statistics import risk_cusum
from algovigil.statistics.auroc import auroc, compare_paired, compare_unpaired
from algovigil.statistics.calibration import brier, in_the_large, recalibrate
from algovigil.statistics.cbpe import METRICS, calibrate, estimate
from algovigil.statistics.confusion import Confusion
from algovigil.statistics.effects import Arm, effects
from algovigil.statistics.gaps import adjusted, proportion_gap
from algovigil.statistics.multiclass import kappa
from algovigil.statistics.poisson import garwood
from algovigil.statistics.precision_recall import auprc, f1
from algovigil.statistics.proportions import newcombe_difference, wilson
from algovigil.statistics.support import support
from algovigil.statistics.survival import kaplan_meier, log_rank

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Draw = Callable[[int, np.random.Generator], tuple[Floats, Floats]]

NOMINAL = (0.93, 0.97)


def checks(scale: float = 1.0) -> Iterator[Check]:
    """Yield every check; *scale* 1 is the full number of runs. Seeded."""
    parts = (
        _bands,
        _proportions,
        _scores,
        _outcomes,
        _type_one,
        _power,
        _charts,
        _refusals,
    )
    for part in parts:
        yield from part(scale)


def _runs(full: int, scale: float) -> int:
    return max(int(full * scale), 20)


def _expit(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


def _plasmode(data: Any, target: Floats) -> Draw:
    """Return draws of real patients whose disease follows a model fitted to them."""
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1))
    risk = model.fit(data, target).predict_proba(data)[:, 1]

    def draw(n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        rows = rng.integers(len(risk), size=n)
        return risk[rows], risk[rows]

    return draw


def _settings() -> dict[str, Draw]:
    """Return draws of (score, true risk)."""
    cancer, diabetes = load_breast_cancer(), load_diabetes()
    few = cancer.data[:, [1, 4, 8, 9]]

    def logit(n: int, rng: np.random.Generator) -> Floats:
        return np.asarray(2 * rng.normal(size=n) - 0.7)

    def calibrated(n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        p = _expit(logit(n, rng))
        return p, p

    def overconfident(n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        eta = logit(n, rng)
        return _expit(2 * eta - 0.5), _expit(eta)

    def rounded(n: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        eta = logit(n, rng)
        return np.round(_expit(1.5 * eta), 2), _expit(eta)

    return {
        "calibrated risks": calibrated,
        "overconfident risks": overconfident,
        "risks rounded to hundredths": rounded,
        "breast cancer, 4 features": _plasmode(few, cancer.target == 0),
        "diabetes progression": _plasmode(diabetes.data, diabetes.target > 140),
    }


def _bands(scale: float) -> Iterator[Check]:
    """CBPE: 400 windows of 1000 for each of five models, references of 2000."""
    runs = _runs(400, scale)
    for name, draw in _settings().items():
        rng = np.random.default_rng(11)
        inside = dict.fromkeys(METRICS, 0)
        for _ in range(runs):
            score, risk = draw(3000, rng)
            truth = rng.random(3000) < risk
            known = calibrate(score[:2000], truth[:2000], rng)
            assert known is not None
            now, came = score[2000:], truth[2000:]
            called = now > 0.5
            band = estimate(known, now, called, rng)
            for metric, value in _realised(now, called, came).items():
                one = band[metric]
                inside[metric] += (one.lower or 0) <= value <= (one.upper or 0)
        for metric in METRICS:
            yield share(
                f"CBPE band of {metric} holds what labels bring",
                name,
                inside[metric],
                runs,
                NOMINAL,
            )


def _realised(score: Any, called: Any, truth: Any) -> dict[str, float]:
    tp, fp = (called & truth).sum(), (called & ~truth).sum()
    fn, tn = (~called & truth).sum(), (~called & ~truth).sum()
    values = (
        auroc(score, truth).value or 0.0,
        (tp + tn) / truth.size,
        tp / (tp + fn),
        tn / (tn + fp),
        tp / (tp + fp),
        tn / (tn + fn),
        2 * tp / (2 * tp + fp + fn),
    )
    return dict(zip(METRICS, values, strict=True))


def _covers(found: Any, truth: float) -> bool:
    if found is None or found.lower is None or found.upper is None:
        return False
    return bool(found.lower <= truth <= found.upper)


def _proportions(scale: float) -> Iterator[Check]:
    rng = np.random.default_rng(12)
    runs = _runs(4000, scale)
    for n, p in ((20, 0.9), (200, 0.95), (1000, 0.5)):
        hits = sum(_covers(wilson(int(k), n), p) for k in rng.binomial(n, p, runs))
        yield share("Wilson interval", f"n = {n}, p = {p}", hits, runs, (0.92, 0.99))
    pairs = rng.binomial([60, 140], [0.8, 0.7], (runs, 2)).tolist()
    hits = sum(_covers(newcombe_difference((a, 60), (b, 140)), 0.1) for a, b in pairs)
    yield share("Newcombe difference", "60 and 140 cases", hits, runs, (0.94, 0.98))
    for mean in (2.0, 20.0):
        counts = rng.poisson(mean, runs).tolist()
        hits = sum(_covers(garwood(k, 1.0), mean) for k in counts)
        yield share(
            "Garwood interval (exact)", f"{mean:g} events", hits, runs, (0.95, 1)
        )


def _scores(scale: float) -> Iterator[Check]:
    """Intervals of figures of scores, against their values in a million cases."""
    rng = np.random.default_rng(13)
    runs = _runs(1000, scale)

    def draw(n: int) -> tuple[Any, Any]:
        p = _expit(2 * rng.normal(size=n) - 1)
        return p, rng.random(n) < p

    def table(p: Any, y: Any) -> Confusion:
        z = p > 0.5
        return Confusion((z & y).sum(), (z & ~y).sum(), (~z & y).sum(), (~z & ~y).sum())

    figures: dict[str, Callable[[Any, Any], Any]] = {
        "AUROC (DeLong)": auroc,
        "AUPRC": auprc,
        "Brier score": brier,
        "observed over expected": in_the_large,
        "calibration slope": lambda p, y: recalibrate(p, y).slope,
        "F1": lambda p, y: f1(table(p, y)),
        "Cohen's kappa": lambda p, y: kappa(
            [
                [(t := table(p, y)).tn, t.fp],
                [t.fn, t.tp],
            ]
        ),
    }
    large = draw(1_000_000)
    truth = {name: figure(*large).value for name, figure in figures.items()}
    hits = dict.fromkeys(figures, 0)
    for _ in range(runs):
        sample = draw(300)
        for name, figure in figures.items():
            hits[name] += _covers(figure(*sample), truth[name])
    for name in figures:
        # Garwood's counts events as Poisson's do: at least nominal, and far above it
        # where events are common, as they are here
        stated = (0.95, 1.0) if name == "observed over expected" else (0.93, 0.975)
        yield share(f"interval of {name}", "300 cases", hits[name], runs, stated)


def _outcomes(scale: float) -> Iterator[Check]:
    rng = np.random.default_rng(14)
    runs = _runs(2000, scale)
    hits = dict.fromkeys(("risk difference", "risk ratio", "odds ratio"), 0)
    for a, b in rng.binomial([150, 150], [0.3, 0.2], (runs, 2)).tolist():
        found = effects(Arm(a, 150), Arm(b, 150))
        hits["risk difference"] += _covers(found.difference, 0.1)
        hits["risk ratio"] += _covers(found.ratio, 1.5)
        hits["odds ratio"] += _covers(found.odds_ratio, (0.3 / 0.7) / (0.2 / 0.8))
    for name, count in hits.items():
        yield share(f"interval of the {name}", "150 an arm", count, runs, (0.94, 0.98))
    covered = 0
    for _ in range(runs):
        time, end = rng.exponential(10, 150), rng.uniform(0, 30, 150)
        curve = kaplan_meier(np.minimum(time, end), time <= end)
        at = int(np.searchsorted(curve.times, 8.0, side="right")) - 1
        covered += bool(curve.lower[at] <= np.exp(-0.8) <= curve.upper[at])
    yield share("Kaplan-Meier band at one time", "150 cases", covered, runs, NOMINAL)


def _type_one(scale: float) -> Iterator[Check]:
    rng = np.random.default_rng(15)
    runs = _runs(2000, scale)
    for n in (100, 500):
        paired = unpaired = 0
        for _ in range(runs):
            y = rng.random(2 * n) < 0.4
            base = rng.normal(size=2 * n) + y
            one, two = base + rng.normal(size=(2, 2 * n))
            paired += (compare_paired(one[:n], two[:n], y[:n]).p_value or 0) < 0.05
            found = compare_unpaired((one[:n], y[:n]), (one[n:], y[n:]))
            unpaired += (found.p_value or 0) < 0.05
        budget = (0.035, 0.06)
        yield share(
            "paired AUROC comparison, no difference", f"n = {n}", paired, runs, budget
        )
        yield share(
            "unpaired AUROC comparison, no difference",
            f"n = {n} each",
            unpaired,
            runs,
            budget,
        )
    named = equal = 0
    few = _runs(1000, scale)
    for _ in range(few):
        hits = rng.binomial(80, 0.85, 20).tolist()
        gaps = [proportion_gap((h, 80), (sum(hits) - h, 80 * 19), 10) for h in hits]
        named += any(p is not None and p < 0.05 for p in adjusted(gaps))
        times = rng.exponential(10, 120)
        found = log_rank(times, times < 20, np.arange(120) % 2)
        equal += (found.p_value or 0) < 0.05
    yield share(
        "any gap over 20 equal subgroups (Holm)",
        "80 cases each",
        named,
        1000,
        (0, 0.05),
    )
    yield share("log-rank test, no difference", "60 a group", equal, few, (0.03, 0.06))


def _power(scale: float) -> Iterator[Check]:
    """Power on the real patients of the Wisconsin data, half of them held out."""
    data = load_breast_cancer()
    x, sick = data.data[:, [1, 4, 8, 9]], data.target == 0
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(x[::2], sick[::2])
    held, truth = x[1::2], sick[1::2]
    good = model.predict_proba(held)[:, 1]
    broken = model.predict_proba(held * np.array([1.0, 1.5, 1, 1]))[:, 1]
    noisy = np.random.default_rng(16).permutation(good)
    half = np.where(np.arange(good.size) % 2 == 0, noisy, good)
    rng = np.random.default_rng(17)
    runs = _runs(500, scale)
    area = rate = slope = 0
    for _ in range(runs):
        a, b = rng.integers(good.size, size=(2, 250))
        found = compare_unpaired((good[a], truth[a]), (half[b], truth[b]))
        area += (found.p_value or 1) < 0.05
        one = (good[a] > 0.5)[~truth[a]], (broken[b] > 0.5)[~truth[b]]
        gap = proportion_gap(
            (float((~one[0]).sum()), one[0].size),
            (float((~one[1]).sum()), one[1].size),
            10,
        )
        rate += (gap.p_value or 1) < 0.05
        slope += (recalibrate(broken[b], truth[b]).p_value or 1) < 0.001
    setting = "breast cancer, windows of 250"
    yield share(
        "AUROC falls: half of the scores are another patient's",
        setting,
        area,
        runs,
        (0.8, 1),
    )
    yield share(
        "specificity falls: smoothness 1.5 times too large",
        setting,
        rate,
        runs,
        (0.8, 1),
    )
    yield share("calibration breaks by the same fault", setting, slope, runs, (0.8, 1))


def _charts(scale: float) -> Iterator[Check]:
    rng = np.random.default_rng(18)
    risks = rng.beta(1, 12, 2000)
    wanted, runs = 2000.0, _runs(300, scale)
    limit = risk_cusum.limit_for(risks, 2.0, wanted)
    length, delay = [], []
    for _ in range(runs):
        p = rng.choice(risks, 15_000)
        calm = risk_cusum.chart(p, rng.random(p.size) < p, 2.0, limit).alarms
        length.append(calm[0] + 1 if calm else p.size)
        worse = 2 * p / (1 - p) / (1 + 2 * p / (1 - p))
        found = risk_cusum.chart(p, rng.random(p.size) < worse, 2.0, limit).alarms
        delay.append(found[0] + 1 if found else p.size)
    mean = float(np.mean(length))
    yield Check(
        "risk-adjusted CUSUM: cases between false alarms",
        f"mean risk {risks.mean():.3f}",
        runs,
        f"{wanted:.0f}",
        f"{mean:.0f}",
        abs(mean / wanted - 1) < 0.1 + 3.3 / runs**0.5,
    )
    yield Check(
        "risk-adjusted CUSUM: cases until doubled odds are found",
        f"mean risk {risks.mean():.3f}",
        runs,
        "under a fifth of the false alarms' distance",
        f"{np.mean(delay):.0f}",
        float(np.mean(delay)) < wanted / 5,
    )


def _refusals(scale: float) -> Iterator[Check]:
    """When an estimate is refused although it would hold, and when it would not."""
    data = load_breast_cancer()
    x = data.data[:, :10]
    rng = np.random.default_rng(19)
    runs = _runs(200, scale)
    same = mix = fault = 0
    for _ in range(runs):
        known = x[rng.integers(len(x), size=600)]
        now = x[rng.integers(len(x), size=300)]
        same += (support(known, now, rng).lower or 0) > 0.2
        tilt = np.exp(((x[:, 1] - x[:, 1].mean()) / x[:, 1].std()).clip(-1.5, 1.5))
        older = x[rng.choice(len(x), 300, p=tilt / tilt.sum())]
        mix += (support(known, older, rng).lower or 0) > 0.2
        broken = now.copy()
        broken[:, 1] *= 1.7
        fault += (support(known, broken, rng).lower or 0) > 0.2
    setting = "breast cancer, 600 and 300 cases"
    yield share("estimate refused, same patients", setting, same, runs, (0, 0.01))
    yield share("estimate refused, another mix of them", setting, mix, runs, (0, 0.05))
    yield share(
        "estimate refused, texture 1.7 times too large", setting, fault, runs, (0.95, 1)
    )
    moved = 0
    labels = _runs(2000, scale)
    for _ in range(labels):
        p = _expit(2 * rng.normal(size=400) - 1)
        moved += (recalibrate(p, rng.random(400) < p).p_value or 1) < 0.001
    yield share(
        "concept said to move, it did not", "400 labels", moved, labels, (0, 0.002)
    )
