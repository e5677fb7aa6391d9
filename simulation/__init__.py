"""The sample marketplace: seeded merchants, listings, buyers and orders, with fraud whose story is known."""

from simulation.marketplace import Plan, SampleMarketplace, generate, plan_marketplace
from simulation.world import FRESH_DAYS, MATURITY_DAYS, WINDOW_DAYS
from simulation.writer import write, write_marketplace

__all__ = [
    "FRESH_DAYS",
    "MATURITY_DAYS",
    "WINDOW_DAYS",
    "Plan",
    "SampleMarketplace",
    "generate",
    "plan_marketplace",
    "write",
    "write_marketplace",
]
