"""The commands that the pods of a cluster run: ``worker``, ``job``."""

from enum import StrEnum
from typing import Annotated

import typer

from gnssice_batch.cli.commands import (
    BranchOption,
    ConfigOption,
    ReportOption,
    SetOption,
    TagOption,
    TerminationOption,
    app,
    run,
)
from gnssice_batch.cli.groups import PODS
from gnssice_batch.cli.settings_file import load_settings
from gnssice_batch.cli.virtualize import referenced
from gnssice_batch.cli.vod import made
from gnssice_batch.errors import ConfigError


class Command(StrEnum):
    """What the leader of an Indexed Job does."""

    RUN = "run"
    VOD = "vod"
    VIRTUALIZE = "virtualize"


SchedulerOption = Annotated[
    str, typer.Option("--scheduler", metavar="ADDRESS", help="The scheduler, e.g. tcp://run-0.service:8786.")
]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="Tasks at a time.", show_default="1")]
MemoryOption = Annotated[
    str | None, typer.Option(metavar="SIZE", help="Memory of the worker, e.g. 4GiB; without it what the pod may use.")
]
NameOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Name of the worker, which no other has; without it the pod's.")
]
PatienceOption = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="How long to look for a scheduler; after that exit code 8.")
]
GraceOption = Annotated[
    float,
    typer.Option(
        min=0,
        metavar="SECONDS",
        help="After SIGTERM, to finish tasks or hand them back; less than the pod has.",
    ),
]
CommandOption = Annotated[Command, typer.Option(help="What index 0 does.")]
_PATIENCE_S, _GRACE_S = 3600.0, 30.0


@app.command(
    rich_help_panel=PODS, epilog="Example: gnssice-batch worker --scheduler tcp://127.0.0.1:8786 --memory-limit 4GiB"
)
def worker(
    scheduler: SchedulerOption,
    *,
    threads: ThreadsOption = None,
    memory_limit: MemoryOption = None,
    name: NameOption = None,
    patience: PatienceOption = _PATIENCE_S,
    grace: GraceOption = _GRACE_S,
) -> None:
    """Run the tasks of a scheduler, until SIGTERM.

    Waits for the scheduler, and looks for it again when it was lost. After SIGTERM it takes no more tasks, finishes
    those that run or hands them back, and ends with 0.

    \b
    Exit codes:
      0    told to stop
      2    the options are wrong
      8    no scheduler has answered for as long as --patience says
    """  # noqa: D301 - the backspace keeps the lines of the list apart
    from gnssice_batch import log
    from gnssice_batch.cluster.worker import Employment, work

    log.configure()
    work(Employment(scheduler, name or _own_name(), threads or 1, _size(memory_limit), patience, grace))


@app.command(
    rich_help_panel=PODS,
    epilog="Example: gnssice-batch job -c settings.yaml --scheduler 'tcp://$(JOB_NAME)-0.service:8786'",
)
def job(  # noqa: PLR0913, PLR0917 - one parameter per option
    scheduler: SchedulerOption,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    report_to: ReportOption = None,
    branch: BranchOption = None,
    tag: TagOption = None,
    termination_log: TerminationOption = None,
    *,
    command: CommandOption = Command.RUN,
    threads: ThreadsOption = None,
    memory_limit: MemoryOption = None,
    name: NameOption = None,
    patience: PatienceOption = _PATIENCE_S,
    grace: GraceOption = _GRACE_S,
) -> None:
    """Be a pod of an Indexed Job: index 0 does what run does, or vod or virtualize, any other what worker does.

    The index is in JOB_COMPLETION_INDEX, which Kubernetes sets; without one it is 0. The settings need cluster.kind:
    indexed. Threads and memory of a worker are those of the settings, where the options do not say otherwise.
    """
    from gnssice_batch import log
    from gnssice_batch.cluster.worker import Employment, work
    from gnssice_batch.config.pod import this_pod

    settings = load_settings(config_file, overrides)
    chosen = settings.cluster
    if chosen.kind != "indexed":
        message = f"cluster.kind should be indexed in the pods of an Indexed Job, and is {chosen.kind}"
        raise ConfigError(message)
    if this_pod().index == 0:
        chosen_run = [f"run.{key}={value}" for key, value in (("branch", branch), ("tag", tag)) if value]
        match command:
            case Command.VOD:
                made(config_file, [*(overrides or ()), *chosen_run], report_to, termination_log)
            case Command.VIRTUALIZE:
                referenced(config_file, [*(overrides or ()), *chosen_run], report_to)
            case Command.RUN:
                run(config_file, overrides, report_to, branch, tag, termination_log)
        return
    log.configure(settings.log.level, settings.log.format)
    memory_bytes = _size(memory_limit) or chosen.memory_limit
    work(
        Employment(scheduler, name or _own_name(), threads or chosen.threads_per_worker, memory_bytes, patience, grace)
    )


def _own_name() -> str:
    """The pod's name, which no other has; elsewhere one made of the host's."""
    import secrets
    import socket

    from gnssice_batch.config.pod import this_pod

    return this_pod().name or f"{socket.gethostname()}-{secrets.token_hex(3)}"


def _size(text: str | None) -> int | None:
    """A size as the settings write it."""
    from gnssice_batch.config.values import size_bytes

    if text is None:
        return None
    try:
        return int(str(size_bytes(text)))
    except ValueError as error:
        message = f"--memory-limit {error}"
        raise ConfigError(message) from error
