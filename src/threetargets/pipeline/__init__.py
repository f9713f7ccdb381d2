"""What a study consists of: its cells, jobs, files and identities. Imports no torch."""
