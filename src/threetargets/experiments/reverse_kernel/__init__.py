"""How Gaussian is the reverse step, and is it learned as it is, or through the clean data? (Lecture
notes, 11.2.2 and 11.2.3.)"""
