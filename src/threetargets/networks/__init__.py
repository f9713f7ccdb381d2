"""Networks: they know tensors and nothing of diffusion."""
