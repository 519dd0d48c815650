"""The configuration: bridge.toml read, checked and made into the company, or refused with everything that is wrong.

The one part that reads the environment, and the one that knows the settings of every source.
"""

from bridge.config.credentials import environment
from bridge.config.loading import Configuration, load_configuration, load_everything, load_matrix
from bridge.config.problems import ConfigurationError, Problem

__all__ = [
    "Configuration",
    "ConfigurationError",
    "Problem",
    "environment",
    "load_configuration",
    "load_everything",
    "load_matrix",
]
