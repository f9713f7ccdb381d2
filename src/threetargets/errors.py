"""What a user can get wrong, each kind with an exit code of its own.

The command line prints such an error as one line and exits with its code; anything else is a bug
and keeps its traceback.
"""


class UserError(Exception):
    """Base of the errors that are the user's to mend: what, where, what was expected, what to
    do."""

    exit_code = 1


class ConfigError(UserError):
    """A parameter is unknown, of the wrong type or out of range."""

    exit_code = 2


class DataError(UserError):
    """A data file, checkpoint or result is damaged, or is not the one that was asked for."""

    exit_code = 3


class MissingInput(UserError):
    """A file is not there: an earlier stage writes it, or it could not be downloaded."""

    exit_code = 4


class CannotWrite(UserError):
    """A folder or disk does not take what has to be written."""

    exit_code = 5


class Diverged(UserError):
    """Training met a loss or gradient that is not finite. It is a result: a failed cell."""

    exit_code = 6


class BudgetReached(UserError):
    """The time budget or a signal ended the work, which is saved: the same command goes on from
    there."""

    exit_code = 75


class Disagreement(UserError):
    """Two records of the same figure differ: the report refuses to choose between them."""

    exit_code = 7
