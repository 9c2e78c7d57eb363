"""Damage of a store as it is shown."""

from collections.abc import Sequence
from typing import Final

from gnssice_batch.cli.formatting import count
from gnssice_batch.cli.output import say
from gnssice_batch.operate.integrity import Damaged, ScanReport
from gnssice_batch.wording import several

REMEDY: Final = "gnssice-batch repair makes these write units again from the archive"
_MOST_SHOWN: Final = 20


def show_scan(report: ScanReport) -> None:
    """What reading every chunk of a store has come to."""
    say(f"{count(report.chunks, 'chunk')} of {report.url} at {report.snapshot} were read")
    show_damage(report.damaged)


def show_damage(damaged: Sequence[Damaged], *, to_errors: bool = False) -> None:
    """What of a store can't be read, with the files that reach into it; nothing where nothing is damaged."""
    if damaged:
        say("Damaged", to_errors=to_errors)
    for each in damaged[:_MOST_SHOWN]:
        say(f"  {each.damage}{_from(each.files)}", to_errors=to_errors)
    if len(damaged) > _MOST_SHOWN:
        say(f"  and {len(damaged) - _MOST_SHOWN:,} more: --json has them all", to_errors=to_errors)


def damage_text(damaged: Sequence[Damaged]) -> str:
    """That a store is damaged, how much of it, and what to do."""
    lasting = [each.damage.place for each in damaged if not each.damage.mendable]
    places = "1 place" if len(damaged) == 1 else f"{len(damaged):,} places"
    mended = f": {REMEDY}" if len(lasting) < len(damaged) else ""
    beyond = "".join(f"; an earlier version may have {place}: gnssice-batch versions" for place in lasting[:1])
    return f"the store is damaged in {places} (first {damaged[0].damage}){mended}{beyond}"


def _from(files: Sequence[str]) -> str:
    return f"; files {several(files)}" if files else ""
