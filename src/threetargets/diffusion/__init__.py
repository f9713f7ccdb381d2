"""The diffusion process and what is done with it: schedules, kernels, targets, weightings,
samplers, guidance."""
