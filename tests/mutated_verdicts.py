"""Breaks of statistics and of what the report reads off curves, as in mutations.py: (file, text,
its replacement)."""

MUTATIONS = [
    ("metrics/statistics.py", "(len(known) - rank)", "(len(known) - rank - 1)"),
    ("metrics/statistics.py", "(len(known) - rank)", "(len(p_values) - rank)"),
    ("metrics/statistics.py", "max(running, min(1.0, p *", "(min(1.0, p *"),
    ("metrics/statistics.py", "max(above, below)", "min(above, below)"),
    (
        "metrics/statistics.py",
        "reference - margin, reference + margin",
        "reference + margin, reference - margin",
    ),
    ("metrics/statistics.py", "1 - 2 * alpha)", "1 - alpha)"),
    ("metrics/statistics.py", "-margin < interval.mean < margin", "interval.mean < margin"),
    ("metrics/statistics.py", "p, p < alpha)", "p, p < 2 * alpha)"),
    ("report/topics/of_targets/endpoints.py", "* a / (a - b)", "* a / (b - a)"),
    ("report/topics/of_targets/endpoints.py", "* a / (a - b)", "* b / (a - b)"),
    ("report/topics/of_targets/endpoints.py", "(zeros[0] + zeros[-1])", "(zeros[0] + zeros[0])"),
    ("report/topics/of_targets/endpoints.py", "if len(where) == 1", "if where"),
    (
        "report/reading/courses.py",
        "(above - level) / (above - below)",
        "(level - below) / (above - below)",
    ),
    (
        "report/reading/courses.py",
        "math.exp(math.log(n) + share * (math.log(m) - math.log(n)))",
        "n + share * (m - n)",
    ),
    ("report/reading/courses.py", "max(one[s].bound[-1]", "min(one[s].bound[-1]"),
    ("report/reading/courses.py", "[math.log(n) for s, level", "[n for s, level"),
    ("report/reading/courses.py", "back(mean.low), back(mean.high)", "mean.low, mean.high"),
    ("report/reading/own_rates.py", "rate != common", "rate == common"),
    ("report/reading/own_rates.py", "default=0) != 2", "default=0) < 2"),
    ("report/reading/own_rates.py", '<= {"training"}', '<= {"training", "network"}'),
    (
        "report/reading/own_rates.py",
        'chosen == own.model_copy(update={"learning_rate": chosen.learning_rate})',
        "chosen",
    ),
    ("report/reading/own_rates.py", "shown if cell == trained else cell", "shown"),
    ("report/topics/of_targets/learning_rates.py", "min(known", "max(known"),
    (
        "report/topics/of_targets/learning_rates.py",
        "_bound(results, cell).mean",
        "_bound(results, cell, BOUND.metric).mean",
    ),
    (
        "report/topics/of_targets/learning_rates.py",
        "for rate in (chosen, own))",
        "for rate in (own, chosen))",
    ),
]
