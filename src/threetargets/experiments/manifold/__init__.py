"""Data of two dimensions in D: which target does a narrow perceptron learn? (Li & He 2025, "Back to
basics", arXiv:2511.13720.)"""
