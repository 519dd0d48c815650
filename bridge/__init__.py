"""callbridge: tells a company's CRM what really happened to its calls, exactly once."""

__version__ = "0.1.0"
