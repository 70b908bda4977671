"""A rate that falls when the server refuses and recovers after: additive increase, multiplicative decrease.

So several clients that share one limit come to share it evenly, and each settles near what is left for it (Chiu and
Jain, "Analysis of the increase and decrease algorithms for congestion avoidance", 1989).
"""

import math

_FALL = 0.9
"""What one refusal leaves of the rate: a stray one costs little."""
_FALL_OF_A_MOMENT = 0.5
"""What all refusals of one moment leave at least: many at once say no more than that the rate was too high."""
_MOMENT = 1.0
"""Seconds in which refusals are of one moment."""
_FLOOR = 0.05
"""The least rate, as a share of the highest."""
_RECOVERY = 40.0
"""Seconds in which a rate of nothing would be back at the highest."""


class Pace:
    """How many tokens a second come at the moment; it knows no clock, and is not safe to share between threads."""

    def __init__(self, highest: float) -> None:
        """Begin at the highest rate, in tokens a second."""
        self.highest = highest
        self.rate = highest
        self._slope = highest / _RECOVERY
        self._since_moment = math.inf
        self._least = highest

    def advance(self, seconds: float) -> float:
        """Let time go by; the tokens that came meanwhile are returned."""
        climbing = min(seconds, (self.highest - self.rate) / self._slope)
        came = climbing * (self.rate + self._slope * climbing / 2) + (seconds - climbing) * self.highest
        self.rate = min(self.highest, self.rate + self._slope * seconds)
        self._since_moment += seconds
        return came

    def seconds_until(self, tokens: float) -> float:
        """How long it takes until so many more tokens have come, if nothing is refused meanwhile."""
        climbing = (self.highest - self.rate) / self._slope
        come = climbing * (self.rate + self.highest) / 2
        if tokens >= come:
            return climbing + (tokens - come) / self.highest
        return 2 * tokens / (self.rate + math.sqrt(self.rate**2 + 2 * self._slope * tokens))

    def fall(self) -> None:
        """Slow down, because a request was refused."""
        if self._since_moment >= _MOMENT:
            self._since_moment = 0.0
            self._least = max(self.rate * _FALL_OF_A_MOMENT, self.highest * _FLOOR)
        self.rate = max(self.rate * _FALL, min(self.rate, self._least))
