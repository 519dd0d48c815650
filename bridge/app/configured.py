"""What the parts of the daemon read off one configuration."""

from bridge.config import Configuration
from bridge.crm.settings import HttpCrm
from bridge.sources.ami_settings import AmiSettings
from bridge.sources.http import WebhookSettings


def webhooks_of(configuration: Configuration) -> list[WebhookSettings]:
    """The sources that push to us."""
    return [source for source in configuration.sources if isinstance(source, WebhookSettings)]


def lines_of(configuration: Configuration) -> list[AmiSettings]:
    """The sources that we call."""
    return [source for source in configuration.sources if isinstance(source, AmiSettings)]


def system_of(configuration: Configuration) -> str | None:
    """The remote system that is told of every effect; None: there is none."""
    crm = configuration.crm
    return crm.kind if isinstance(crm, HttpCrm) else None


def in_url(host: str) -> str:
    """The host as it is written before a port."""
    return f"[{host}]" if ":" in host else host
