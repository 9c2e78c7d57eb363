"""Settings of a site with an archive of NetCDF files."""

from gnssice_batch import config


def settings_of(root, archive=None, **more):
    """Make settings whose archive is ``root/nc``, whose stores are in ``root/stores``."""
    virtual = {"url": str(archive or root / "nc"), **more.pop("virtual", {})}
    words = {"site": "demo", "archive": {"url": str(root / "rinex")}, "store": {"url": str(root / "stores")}}
    return config.Settings.model_validate({**words, "virtual": virtual, "log": {"progress": False}, **more})


def url_of(settings):
    """Return where the virtual repository is."""
    return f"{settings.store.url}/{settings.site}/virtual"
