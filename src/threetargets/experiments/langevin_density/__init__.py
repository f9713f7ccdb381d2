"""A density that is the softmax of a score, and what Langevin's chain makes of it. (McAllester
2022, "Continuous Softmax", "Langevin Dynamics", "The Stationary Density".)"""
