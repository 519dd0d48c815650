"""Where work lands: one module per CRM."""
