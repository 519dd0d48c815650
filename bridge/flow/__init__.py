"""How a fact travels: intake, lanes, timers; owns time and retries."""
