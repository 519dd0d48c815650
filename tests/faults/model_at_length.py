"""The models of the unit part for some minutes, on either store: longer stories, and many more of them."""

from hypothesis import HealthCheck, settings

from tests.flow.test_delivery_machine import Outbox
from tests.stories.model import CrashingBridge
from tests.stories.test_model_on_postgresql import CrashingNode, _server

__all__ = ["_server"]

TestIntakeAndLanesAtLength = CrashingBridge.TestCase
TestIntakeAndLanesAtLength.settings = settings(
    max_examples=80, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)

TestNodeOnPostgresqlAtLength = CrashingNode.TestCase
TestNodeOnPostgresqlAtLength.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)

TestOutboxAtLength = Outbox.TestCase
TestOutboxAtLength.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)
