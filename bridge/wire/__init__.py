"""How others write things down: bytes and JSON to and from the model, without I/O."""
