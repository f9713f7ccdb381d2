"""A forward process that is learned: by the variance of the bound, between fixed ends. (Kingma et
al. 2021, arXiv:2107.00630.)"""
