"""Models: the node encoder, the additive capacitance model, its memories, and checkpoints."""
