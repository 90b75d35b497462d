"""The pages of models and the first start, on invented ones: the Hub's own change, and nothing may be downloaded."""

from app.settings.schema import Settings
from app.settings.schema import Theme as ThemeChoice
from tests.app.widgets.models.demo_pages import DemoPages
from tests.screenshots.studio import Studio


def draw(studio: Studio) -> None:
    """Draw them."""
    demo = DemoPages()
    for state in demo.states():
        for theme in ThemeChoice.LIGHT, ThemeChoice.DARK:
            demo.window.resize(*state.size)
            demo.window.apply_settings(Settings(theme=theme))
            studio.pause(0.2)
            studio.save(state.name, theme, state.widget or demo.window)
    demo.window.deleteLater()
    studio.pause(0.05)
