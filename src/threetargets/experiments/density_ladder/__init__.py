"""The recap of 001: mixtures by EM, Boltzmann machines, an autoregressive model, score matching of
an energy, and the gradient of log p(x) as a ratio of integrals, each beside what is exact."""
