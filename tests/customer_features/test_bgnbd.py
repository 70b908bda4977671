"""BG/NBD: the published fit, and the formulas beside slow readings of the model."""

import math

import numpy as np
import pytest
from scipy.integrate import quad

from customer_features.bgnbd import BgNbd, fit, log_likelihood
from customer_features.examples import cdnow

PUBLISHED = BgNbd(0.243, 4.414, 0.793, 2.426, -9582.4)


@pytest.fixture(scope="module")
def fitted() -> BgNbd:
    """The fit to the published summary."""
    table = cdnow.summary()
    assert table.num_rows == 2357
    return fit(table["x"], table["t_x"], table["T"])


def test_the_published_parameters(fitted: BgNbd) -> None:
    """Table 2 of the paper, within 0.5 %."""
    for name in ("r", "alpha", "a", "b"):
        assert getattr(fitted, name) == pytest.approx(getattr(PUBLISHED, name), rel=0.005)
    assert fitted.log_likelihood == pytest.approx(PUBLISHED.log_likelihood, abs=0.05)


def test_the_fit_is_a_maximum(fitted: BgNbd) -> None:
    """No parameter can be moved by a hundredth without losing likelihood."""
    table = cdnow.summary()
    best = [fitted.r, fitted.alpha, fitted.a, fitted.b]
    for place in range(4):
        for factor in (0.99, 1.01):
            moved = [one * factor if number == place else one for number, one in enumerate(best)]
            assert log_likelihood(*moved, table["x"], table["t_x"], table["T"]) < fitted.log_likelihood


@pytest.mark.parametrize(("x", "t_x", "T"), [(0, 0, 38.86), (1, 1.71, 38.86), (2, 30.43, 38.86), (5, 30, 31)])
def test_the_likelihood_is_the_models_averaged_over_customers(x: int, t_x: float, T: float) -> None:
    """Equation 3, for one customer with a known rate and chance to leave, integrated over gamma and beta."""
    r, alpha, a, b = 0.9, 4.4, 1.3, 2.4

    def density(rate: float, leave: float) -> float:
        history = (1 - leave) ** x * rate**x * math.exp(-rate * T)
        if x:
            history += leave * (1 - leave) ** (x - 1) * rate**x * math.exp(-rate * t_x)
        of_rate = alpha**r * rate ** (r - 1) * math.exp(-rate * alpha) / math.gamma(r)
        of_leave = leave ** (a - 1) * (1 - leave) ** (b - 1) * math.gamma(a + b) / math.gamma(a) / math.gamma(b)
        return history * of_rate * of_leave

    def over_rates(leave: float) -> float:
        return float(quad(lambda rate: density(rate, leave), 0, 10, epsabs=0)[0])

    found = quad(over_rates, 0, 1, epsabs=0)[0]
    assert log_likelihood(r, alpha, a, b, [x], [t_x], [T]) == pytest.approx(math.log(found), rel=1e-5)


def test_the_published_example(fitted: BgNbd) -> None:
    """Customer 1 of the authors' spreadsheet: 1.226 orders expected in the 39 weeks that follow."""
    assert fitted.expected_more(39, 2, 30.43, 38.86) == pytest.approx(1.226, abs=0.001)


def test_expected_orders_are_those_of_simulated_customers() -> None:
    """Equation 9 beside 200,000 customers who order and leave at random."""
    model = BgNbd(1.5, 6.0, 2.0, 3.0, math.nan)
    random = np.random.default_rng(1)
    rates, chances = random.gamma(1.5, 1 / 6.0, 200_000), random.beta(2.0, 3.0, 200_000)
    clock, alive, orders = np.zeros(200_000), np.ones(200_000, dtype=bool), np.zeros(200_000)
    while alive.any():
        clock += random.exponential(1 / rates)
        alive &= clock < 30
        orders += alive
        alive &= random.random(200_000) >= chances
    assert model.expected_orders(30.0) == pytest.approx(orders.mean(), rel=0.01)


def test_a_customer_without_repeat_orders_is_alive() -> None:
    """In this model a customer can leave only after a repeat order; after a long silence hardly anybody is left."""
    alive = PUBLISHED.alive([0, 3, 3], [0, 38, 1], [38.86, 38.86, 38.86])
    assert alive[0] == 1
    assert alive[1] > 0.8 > 0.01 > alive[2]


@pytest.mark.parametrize("history", [(1, 5, 4), (-1, 0, 4), (0, 2, 4), (2, 0, 4), (1, 2, math.nan)])
def test_an_impossible_history_is_refused(history: tuple[float, float, float]) -> None:
    """The last order after the end, or a repeat order at no time."""
    with pytest.raises(ValueError, match="1 histories are impossible"):
        fit(*([one] for one in history))
