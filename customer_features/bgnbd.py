"""The BG/NBD model of repeat purchases: what orders alone say of who is still a customer.

Fader, Hardie & Lee, "Counting Your Customers" the Easy Way: An Alternative to the Pareto/NBD Model, Marketing Science
24 (2005) 275-284. While alive, a customer orders at a rate that is gamma(r, alpha) over customers; after each order a
customer leaves with a chance that is beta(a, b) over customers. What is known of one: x repeat orders, the last at t_x,
observed until T, all counted from the first order, in one unit of time of the caller's choice (weeks in the paper).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import betaln, gammaln, hyp2f1

Floats = npt.NDArray[np.float64]

_START = (1.0, 1.0, 1.0, 1.0)
_SEARCH = {"xatol": 1e-6, "fatol": 1e-10, "maxiter": 10_000}


@dataclass(frozen=True, slots=True)
class BgNbd:
    """The parameters, and the log-likelihood of the customers that they were fitted to."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float

    def expected_orders(self, t: Any) -> Floats:
        """How many repeat orders a customer makes until `t` after the first one (the paper's equation 9)."""
        time = np.asarray(t, dtype=np.float64)
        curve = hyp2f1(self.r, self.b, self.a + self.b - 1, time / (self.alpha + time))
        shrunk = (self.alpha / (self.alpha + time)) ** self.r * curve
        return np.asarray((self.a + self.b - 1) / (self.a - 1) * (1 - shrunk), dtype=np.float64)

    def expected_more(self, t: Any, x: Any, t_x: Any, T: Any) -> Floats:
        """How many more orders a customer with this history makes within `t` from now (equation 10)."""
        time = np.asarray(t, dtype=np.float64)
        x, t_x, T = _history(x, t_x, T)
        curve = hyp2f1(self.r + x, self.b + x, self.a + self.b + x - 1, time / (self.alpha + T + time))
        shrunk = ((self.alpha + T) / (self.alpha + T + time)) ** (self.r + x) * curve
        if_alive = (self.a + self.b + x - 1) / (self.a - 1) * (1 - shrunk)
        return np.asarray(if_alive * self.alive(x, t_x, T), dtype=np.float64)

    def alive(self, x: Any, t_x: Any, T: Any) -> Floats:
        """The chance that a customer with this history has not left; 1 for those without a repeat order."""
        x, t_x, T = _history(x, t_x, T)
        odds = (self.r + x) * (np.log(self.alpha + T) - np.log(self.alpha + t_x))
        left = _ln_left(self.a, self.b, x) + odds
        return np.asarray(np.where(x > 0, np.exp(-np.logaddexp(0.0, left)), 1.0), dtype=np.float64)


def log_likelihood(r: float, alpha: float, a: float, b: float, x: Any, t_x: Any, T: Any) -> float:
    """The log-likelihood of customers' histories (the paper's equation 6, in logarithms throughout).

    Raises:
        ValueError: a history is impossible.
    """
    return float(_of_each(r, alpha, a, b, *_history(x, t_x, T)).sum())


def fit(x: Any, t_x: Any, T: Any) -> BgNbd:
    """The parameters under which customers' histories are likeliest.

    Raises:
        ValueError: a history is impossible, or the search did not converge.
    """
    given = _history(x, t_x, T)
    # a history that many share counts once, with a weight: most customers of most shops never order again
    distinct, weights = np.unique(np.stack(given), axis=1, return_counts=True)

    def loss(logarithms: Floats) -> float:
        return -float(weights @ _of_each(*np.exp(logarithms), *distinct)) / len(given[0])

    found = minimize(loss, np.log(_START), method="Nelder-Mead", options=_SEARCH)
    if not found.success:
        raise ValueError(f"the BG/NBD fit did not converge: {found.message}")
    r, alpha, a, b = (float(one) for one in np.exp(found.x))
    return BgNbd(r, alpha, a, b, log_likelihood(r, alpha, a, b, *given))


def _of_each(r: float, alpha: float, a: float, b: float, x: Floats, t_x: Floats, T: Floats) -> Floats:
    """The log-likelihood of each history."""
    rate = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b)
    silent = -(r + x) * np.log(alpha + T)
    gone = _ln_left(a, b, x) - (r + x) * np.log(alpha + t_x)
    return np.asarray(rate + np.where(x > 0, np.logaddexp(silent, gone), silent), dtype=np.float64)


def _ln_left(a: float, b: float, x: Floats) -> Floats:
    """ln(a / (b + x - 1)), which has no meaning at x = 0: the callers leave that out, this keeps it finite."""
    return np.asarray(np.log(a) - np.log(b + np.maximum(x, 1) - 1), dtype=np.float64)


def _history(x: Any, t_x: Any, T: Any) -> tuple[Floats, Floats, Floats]:
    orders, last, observed = np.broadcast_arrays(*(np.asarray(one, dtype=np.float64) for one in (x, t_x, T)))
    possible = (orders >= 0) & (last >= 0) & (last <= observed) & np.isfinite(observed) & ((orders > 0) == (last > 0))
    if not possible.all():
        raise ValueError(
            f"{int((~possible).sum())} histories are impossible: x repeat orders, the last at t_x, which is 0 if there "
            "are none, and observed until T, with 0 <= t_x <= T"
        )
    return orders, last, observed
