"""The simulated world that a configuration asks for."""

from bridge.app.configured import in_url, webhooks_of
from bridge.config import Configuration
from bridge.wire.simulation import SimulatedCompany


def simulated_hook(configuration: Configuration) -> tuple[str, str | None] | None:
    """Address and token of the first generic webhook, as somebody on this machine reaches it; None: there is none."""
    for hook in webhooks_of(configuration):
        if hook.dialect == "generic":
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(configuration.web.host, configuration.web.host)  # noqa: S104
            token = hook.token.get_secret_value() if hook.token else None
            return f"http://{in_url(host)}:{configuration.web.port}/hooks/{hook.id}", token
    return None


def simulated_company(configuration: Configuration) -> SimulatedCompany:
    """Whom the simulated world calls: the configured lines and extensions, as far as there are any."""
    company, usual = configuration.company, SimulatedCompany()
    extensions = tuple(ext for employee in company.employees.values() for ext in employee.extensions)
    return SimulatedCompany(
        lines=tuple(company.lines) or usual.lines,
        extensions=extensions or usual.extensions,
        blocked=tuple(sorted(company.blocked)),
    )
