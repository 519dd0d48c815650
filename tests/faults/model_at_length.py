"""The model of tests/stories/model.py for some minutes: longer stories, and many more of them."""

from hypothesis import HealthCheck, settings

from tests.stories.model import CrashingBridge

TestIntakeAndLanesAtLength = CrashingBridge.TestCase
TestIntakeAndLanesAtLength.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
