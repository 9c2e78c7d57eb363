"""The outcome of files whose workers died."""

from gnssice_batch.errors import Reason
from gnssice_batch.model.values import FileFacts, FileOutcome, Refusal, SourceFile, Status


def killed(file: SourceFile, what: str, partitions: tuple[str, ...] = ()) -> FileOutcome:
    """The refusal of a file whose workers died: of itself, or of something beside it.

    Parameters
    ----------
    what
        What they died of.
    partitions
        Keys of the partitions that the file was in.
    """
    refusal = Refusal(Reason.KILLED_WORKERS, f"{what} killed its workers again and again")
    return FileOutcome(file, Status.REJECTED, FileFacts(), refusal, partitions=partitions)
