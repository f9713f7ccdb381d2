"""An encoder's q against q optimised for each image. (Cremer, Li & Duvenaud 2018,
arXiv:1801.03558.)"""
