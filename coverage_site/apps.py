from django.apps import AppConfig


class CoverageSiteConfig(AppConfig):
    """Puts together what the apps may not know of each other."""

    name = "coverage_site"

    def ready(self) -> None:
        from coverage_site import checks  # noqa: F401  Registers them.
        from coverage_site.tiles import accounts_tiles
        from scanning.frame import TILES_BEFORE

        TILES_BEFORE[:] = [accounts_tiles]
