"""Trying everything that a configuration names, without a daemon."""

from zoneinfo import ZoneInfo

from bridge.config import Configuration
from bridge.crm.http import try_http_crm
from bridge.crm.settings import HttpCrm
from bridge.flow.clock import Clock
from bridge.flow.trial import Trial
from bridge.sources.ami_settings import AmiSettings
from bridge.sources.ami_trial import try_asterisk
from bridge.store.engine import Store
from bridge.store.errors import StoreError
from bridge.store.migrate import schema_state
from bridge.store.revision import SchemaState


async def try_connections(configuration: Configuration) -> dict[str, Trial]:
    """Log in to every source that we call and to the CRM, and name those that call us; by source id, or `crm`."""
    found = {}
    for source in configuration.sources:
        if isinstance(source, AmiSettings):
            found[source.id] = await try_asterisk(source, Clock(), ZoneInfo(configuration.company.timezone))
        else:
            found[source.id] = Trial(good=True, detail=f"pushes to /hooks/{source.id}; nothing to try from here")
    if isinstance(configuration.crm, HttpCrm):
        found["crm"] = await try_http_crm(configuration.crm, Clock())
    return found


async def try_store(configuration: Configuration) -> Trial:
    """Whether a daemon of this version could work on the store."""
    try:
        state = await schema_state(configuration.store_url, configuration.data_dir)
        if state is SchemaState.EMPTY:
            return Trial(good=True, detail="it is empty; a start makes the tables")
        if state is SchemaState.OUTDATED:
            return Trial(good=True, detail="an older version wrote it; a start brings its tables to this version")
        await (await Store.open(configuration.store_url, data_dir=configuration.data_dir, alone=False)).close()
    except StoreError as error:
        return Trial(good=False, detail=str(error))
    return Trial(good=True, detail="its tables are of this version")
