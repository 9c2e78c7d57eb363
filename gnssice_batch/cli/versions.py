"""The commands for versions: ``branch``, ``tag``, ``rollback``, ``expire``."""

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from gnssice_batch.cli.commands import (
    STDOUT,
    ConfigOption,
    JsonFlag,
    Product,
    ProductOption,
    SetOption,
    app,
    write_json,
)
from gnssice_batch.cli.formatting import count
from gnssice_batch.cli.groups import VERSIONS
from gnssice_batch.cli.output import say
from gnssice_batch.cli.settings_file import load_logged, load_settings

if TYPE_CHECKING:
    from gnssice_batch.store.branches import Move
    from gnssice_batch.store.versions import Version

branch = typer.Typer(no_args_is_help=True, help="List, begin, delete or publish branches of the store.")
tag = typer.Typer(no_args_is_help=True, help="List the tags of the store, or give one.")
app.add_typer(branch, name="branch", rich_help_panel=VERSIONS)
app.add_typer(tag, name="tag", rich_help_panel=VERSIONS)

BranchArgument = Annotated[str, typer.Argument(metavar="BRANCH", help="Name of the branch.")]
VersionArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[VERSION]", help="Its id or the beginning of that, a tag, a branch, or a time. Default: the newest."
    ),
]
DryRunFlag = Annotated[bool, typer.Option("--dry-run", help="Only say what would be done.")]


@branch.command("list", epilog="Example: gnssice-batch branch list -c config/demo.yaml")
def list_branches(
    config_file: ConfigOption = None, overrides: SetOption = None, *, as_json_text: JsonFlag = False
) -> None:
    """List the branches, compared with the one that runs publish on."""
    from gnssice_batch.operate.branches import list_branches as listed

    settings = load_settings(config_file, overrides)
    found = listed(settings)
    if as_json_text:
        write_json({"branches": [{**asdict(one), "written_at": one.written_at.isoformat()} for one in found]}, STDOUT)
        return
    for one in found:
        apart = f"{one.ahead} ahead of {settings.run.branch}, {one.behind} behind" if one.ahead or one.behind else ""
        said = [f"{one.written_at:%Y-%m-%d %H:%M}", repr(one.message), *filter(None, [apart])]
        say(f"{one.name}  {one.head}  {', '.join(said)}")


@branch.command("create", epilog="Example: gnssice-batch branch create trial -c config/demo.yaml")
def create_branch(
    name: BranchArgument,
    version: VersionArgument = None,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    as_json_text: JsonFlag = False,
) -> None:
    """Begin a branch, to run on it beside the published one (run.branch)."""
    from gnssice_batch.operate.branches import create_branch as created

    begins = created(load_logged(config_file, overrides), name, version)
    _tell({"branch": name, "version": _version(begins)} if as_json_text else f"{name} begins at {begins}")


@branch.command("delete", epilog="Example: gnssice-batch branch delete trial -c config/demo.yaml")
def delete_branch(
    name: BranchArgument,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    as_json_text: JsonFlag = False,
) -> None:
    """Delete a branch. What only it leads to is garbage from then on."""
    from gnssice_batch.operate.branches import delete_branch as deleted

    head = deleted(load_logged(config_file, overrides), name)
    told = f"{name} is deleted; until gc, `branch create {name} {head}` takes it back"
    _tell({"deleted": name, "head": head} if as_json_text else told)


@branch.command("publish", epilog="Example: gnssice-batch branch publish trial -c config/demo.yaml --dry-run")
def publish_branch(
    name: BranchArgument,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    onto: Annotated[str, typer.Option("--onto", metavar="BRANCH", help="The branch that is moved.")] = "main",
    dry_run: DryRunFlag = False,
    as_json_text: JsonFlag = False,
) -> None:
    """Show the readers of main what was made on another branch.

    Ends with 6, and changes nothing, if main has versions that the branch lacks, or an unpublished run.
    """
    from gnssice_batch.operate.branches import publish_branch as published

    move = published(load_logged(config_file, overrides), name, onto, dry_run=dry_run)
    if as_json_text:
        write_json({"dry_run": dry_run, **_as_json(move)}, STDOUT)
        return
    _show(move)
    what = "would be at" if dry_run else "is at"
    say(f"{onto} {what} {move.after}" if move.gained else f"{onto} has all of {name} already")


@tag.command("list", epilog="Example: gnssice-batch tag list -c config/demo.yaml")
def list_tags(config_file: ConfigOption = None, overrides: SetOption = None, *, as_json_text: JsonFlag = False) -> None:
    """List the tags and the versions that they name."""
    from gnssice_batch.operate.branches import list_tags as listed

    found = listed(load_settings(config_file, overrides))
    if as_json_text:
        write_json({"tags": {name: _version(version) for name, version in found.items()}}, STDOUT)
        return
    for name, version in found.items():
        say(f"{name}  {version.told(without=name)}")
    if not found:
        say("no tags")


@tag.command("create", epilog="Example: gnssice-batch tag create 2025.1 -c config/demo.yaml")
def create_tag(
    name: Annotated[str, typer.Argument(metavar="TAG", help="Its name, which never changes.")],
    version: VersionArgument = None,
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    as_json_text: JsonFlag = False,
) -> None:
    """Give a version a name that never changes, and keeps it from gc."""
    from gnssice_batch.operate.branches import create_tag as created

    tagged = created(load_logged(config_file, overrides), name, version)
    _tell({"tag": name, "version": _version(tagged)} if as_json_text else f"{name} is {tagged}")


@app.command(rich_help_panel=VERSIONS, epilog="Example: gnssice-batch rollback 5V0F0WGZ -c config/demo.yaml --dry-run")
def rollback(
    version: Annotated[
        str, typer.Argument(metavar="VERSION", help="Its id or the beginning of that, a tag, a branch, or a time.")
    ],
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    dry_run: DryRunFlag = False,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="Even if a run is not published yet, which plans anew; even to another line of versions."
        ),
    ] = False,
    as_json_text: JsonFlag = False,
) -> None:
    """Show readers an earlier version. What is taken back gets a tag, and comes back by rollback TAG.

    The next run takes the files again that only later versions hold. Ends with 6, and changes nothing, while a run is
    unpublished (see runs list), or if the branch never had that version.
    """
    from gnssice_batch.operate.branches import rollback as rolled_back

    done = rolled_back(load_logged(config_file, overrides), version, dry_run=dry_run, force=force)
    move = done.move
    if as_json_text:
        write_json({"dry_run": dry_run, **_as_json(move), "tag": done.tag}, STDOUT)
        return
    _show(move)
    if move.before == move.after:
        say(f"{move.branch} is at {move.after} already")
        return
    say(f"{move.branch} {'would be' if dry_run else 'is'} at {move.after}")
    if done.tag and not dry_run:
        say(f"undo with: rollback {done.tag}")


@app.command(rich_help_panel=VERSIONS, epilog="Example: gnssice-batch expire --older-than 90 -c config/demo.yaml")
def expire(
    config_file: ConfigOption = None,
    overrides: SetOption = None,
    *,
    older_than: Annotated[
        float, typer.Option(min=0, max=36_525, metavar="DAYS", help="Keep what is younger than this.")
    ],
    product: ProductOption = Product.RINEX,
    dry_run: DryRunFlag = False,
    as_json_text: JsonFlag = False,
) -> None:
    """Let old versions leave the history. gc deletes then what only they held.

    The newest version of each branch, tagged ones and those that a branch goes on from are kept. If an unpublished run
    was planned on one of the others (see runs list), nothing is changed and the exit code is 5.
    """
    from gnssice_batch.operate.garbage import expire_versions

    settings, age = load_logged(config_file, overrides), timedelta(days=older_than)
    gone = expire_versions(settings, age, dry_run=dry_run, product=product)
    if as_json_text:
        write_json({"dry_run": dry_run, "expired": [_version(version) for version in gone]}, STDOUT)
        return
    for version in gone:
        say(f"  - {version}")
    say(f"{count(len(gone), 'version')} {'would expire' if dry_run else 'expired'}")


def _tell(found: dict[str, object] | str) -> None:
    """Say a sentence, or write JSON."""
    if isinstance(found, str):
        say(found)
    else:
        write_json(found, STDOUT)


def _show(move: "Move") -> None:
    for sign, what, found in (("+", "shown", move.gained), ("-", "taken back", move.lost)):
        if found:
            say(f"{count(len(found), 'version')} {what}:")
        for version in found:
            say(f"  {sign} {version}")


def _as_json(move: "Move") -> dict[str, object]:
    return {
        "branch": move.branch,
        "before": move.before,
        "after": move.after,
        "gained": [_version(version) for version in move.gained],
        "lost": [_version(version) for version in move.lost],
    }


def _version(version: "Version") -> dict[str, object]:
    return {
        "number": version.number,
        "id": version.id,
        "written_at": version.written_at.isoformat(),
        "message": version.message,
        "tags": list(version.tags),
    }
