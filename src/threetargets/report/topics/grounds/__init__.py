"""What the report rests on: calibration, errata, provenance."""
