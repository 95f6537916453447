"""A plugin of pytest for killers: nobody reads the smallest case in which a bug shows, so nobody looks for it."""

from hypothesis import Phase, settings

settings.register_profile(
    "quick", phases=(Phase.explicit, Phase.generate), database=None, report_multiple_bugs=False, print_blob=False
)
settings.load_profile("quick")
