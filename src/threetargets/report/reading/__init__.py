"""From the files of a study to the values that the report shows."""
