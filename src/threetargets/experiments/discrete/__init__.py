"""Diffusion over a finite alphabet: uniform and absorbing corruption, exact where it can be counted
out. (Austin et al. 2021, arXiv:2107.03006.)"""
