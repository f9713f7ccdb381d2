"""The tests that have to notice a break, by the folder of the file that is broken."""

SUITES = {
    "diffusion": ["tests/diffusion", "tests/likelihood", "tests/families"],
    "likelihood": ["tests/likelihood", "tests/diffusion", "tests/families"],
    "networks": ["tests/networks"],
    "study": ["tests/study/test_counts.py"],
    "metrics": ["tests/metrics/test_factors.py", "tests/metrics/test_statistics.py"],
    "doctor": ["tests/doctor/test_rates.py", "tests/doctor/test_card.py"],
    "experiments": ["tests/experiments", "-m", "not study"],
    "report": [
        "tests/report/test_across.py",
        "tests/report/test_agreement.py",
        "tests/report/test_regret.py",
        "tests/report/test_best_of_targets.py",
        "tests/report/test_decomposition.py",
        "tests/report/test_matched_accuracy.py",
        "tests/report/test_estimators.py",
        "tests/report/test_notes_rules.py",
        "tests/report/test_label_claims.py",
        "tests/report/test_endpoints.py",
        "tests/report/test_over_training.py",
        "tests/report/test_own_rates.py",
        "tests/report/test_learning_rates.py",
    ],
    "families": [
        "tests/families",
        "tests/likelihood",
        "tests/stages/test_sample.py",
        "tests/stages/test_precision.py",
    ],
    "tracking": ["tests/tracking/test_store.py", "tests/tracking/test_live.py"],
}
