"""Intake and lanes against the model, with a crash between any two steps (longer: tests/faults/model_at_length.py)."""

from hypothesis import HealthCheck, settings

from tests.stories.model import CrashingBridge

TestIntakeAndLanes = CrashingBridge.TestCase
TestIntakeAndLanes.settings = settings(
    max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
