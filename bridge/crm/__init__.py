"""Where work lands: one module for each CRM that is not our own, and the one table of what their answers mean."""
