"""What should happen: values in, values out. Nothing here waits, asks the time or rolls dice."""
