"""Is an image of this data set? A bound on its likelihood, the flow's, a VAE's, typicality and a
classifier as detectors. (Nalisnick et al. 2019, arXiv:1810.09136.)"""
