"""The library's estimators on densities that are known: expected and measured values, and errors of
printed formulas.

rows        a measured quantity beside the known one, and the rule by which they agree
registry    CHECKS: what is checked, and the claim of the report that it decides
errata      ERRATA: formulas of the lecture notes as printed and corrected, and the error that the
printed one makes
"""
