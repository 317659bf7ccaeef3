"""Models from files: programs of ``torch.export``, TorchScript, and pickled modules."""
