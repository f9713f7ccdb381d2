"""What the report is made of: numbers as text, tables, drawings, captions, comparisons."""
