"""A digit of 8x8 pixels from the means of 2x2: by a conditional model, and by an unconditional one
that is guided, projected, or has the known means put in. (Polyakov 2022 (003), "Conditioning";
Saharia et al. 2021, arXiv:2104.07636.)"""
