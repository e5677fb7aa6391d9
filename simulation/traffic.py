"""When people buy: demand per hour and country over the window."""

import numpy as np

from simulation.world import COUNTRIES, DAY, HOUR, Floats, Ints, Window

# Shares of orders by local hour and by weekday (Monday first), measured on the Olist marketplace extract of
# 8,135 orders (2016–2018, MIT), rounded.
HOURLY: Floats = np.array(
    [24, 12, 5, 3, 2, 2, 6, 13, 26, 48, 67, 66, 67, 64, 63, 63, 67, 61, 61, 60, 65, 60, 56, 40],
    dtype=np.float64,
)
WEEKLY: Floats = np.array([166, 157, 153, 151, 144, 112, 118], dtype=np.float64)
# (month, day, extra demand on the day, width in days): dates of shopping festivals; the heights are ours.
PEAKS = ((6, 18, 1.2, 1.5), (11, 11, 2.0, 1.5), (11, 28, 0.8, 1.5), (12, 12, 0.8, 1.5))
_YEAR_DAYS = 365.25


def hourly_demand(window: Window) -> Floats:
    """Return relative demand (hours, countries); it sums to one."""
    starts = window.start + np.arange(window.span // HOUR) * HOUR
    local = starts[:, None] + np.array([country.utc_offset_hours for country in COUNTRIES]) * HOUR
    days = local // DAY
    weekday = (days + 3) % 7  # 1970-01-01 was a Thursday
    shares = np.array([country.share for country in COUNTRIES])
    clock: Floats = HOURLY[local // HOUR % 24] * WEEKLY[weekday]
    demand: Floats = clock * _season(days) * _growth(starts)[:, None] * shares
    demand /= demand.sum()
    return demand


def _season(days: Ints) -> Floats:
    """Return the factor of the day: a gentle yearly wave, highest in December, with the festivals on it."""
    dates = days.astype("datetime64[D]")
    day_of_year = (dates - dates.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    factor: Floats = 1 + 0.08 * np.cos(2 * np.pi * (day_of_year - 345) / _YEAR_DAYS)
    for month, day, height, width in PEAKS:
        centre = (np.datetime64(f"2025-{month:02d}-{day:02d}") - np.datetime64("2025-01-01")).astype(int)
        factor += height * np.exp(-0.5 * ((day_of_year - centre) / width) ** 2)
    return factor


def _growth(starts: Ints) -> Floats:
    """A young marketplace: a quarter more orders at the end than at the start."""
    return np.linspace(1.0, 1.25, starts.size)
