"""The language of the window: finds the words in the user's language, Qt's own ones too, before anything is shown.

A language is a file ``assets/languages/hearth_<code>.ts`` with its compiled ``.qm`` (``python -m tests.translations``).
"""

import logging

from PySide6.QtCore import QCoreApplication, QLibraryInfo, QLocale, Qt, QTranslator
from PySide6.QtWidgets import QApplication

from app import language
from app.settings.values import Language
from app.widgets.basics.assets import asset

_log = logging.getLogger(__name__)


def code_for(choice: Language, system: QLocale | None = None) -> str:
    """Return the code of the language to be shown: for SYSTEM the first one of the desktop's that Hearth speaks."""
    if choice is not Language.SYSTEM:
        return choice.value
    wanted = (system or QLocale.system()).uiLanguages()
    spoken = {each.value for each in Language} - {Language.SYSTEM.value}
    return next((code for tag in wanted if (code := tag.replace("_", "-").split("-")[0]) in spoken), Language.ENGLISH)


def install(application: QApplication, choice: Language) -> None:
    """Show that language from now on; what is on screen already keeps its words. A missing file leaves English."""
    code = code_for(choice)
    locale = QLocale.system() if QLocale.system().name().startswith(code) else QLocale(code)
    if code == Language.ENGLISH:
        QLocale.setDefault(QLocale(QLocale.Language.English))
        language.use(language.printed)
        return
    ours, qts = QTranslator(application), QTranslator(application)
    try:
        is_loaded = ours.load(str(asset("languages", f"hearth_{code}.qm")))
    except FileNotFoundError:
        is_loaded = False
    if not is_loaded:
        _log.warning("no words in the language %s", code)
        return
    if qts.load(f"qtbase_{code}", QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)):
        application.installTranslator(qts)
    else:
        _log.warning("Qt has no words in the language %s", code)
    application.installTranslator(ours)
    application.setLayoutDirection(locale.textDirection())
    QLocale.setDefault(locale)
    is_mirrored = locale.textDirection() is Qt.LayoutDirection.RightToLeft
    language.use(_translated, locale.decimalPoint(), locale.groupSeparator(), is_right_to_left=is_mirrored)


def _translated(text: str, comment: str | None, number: int) -> str:
    return QCoreApplication.translate("", text, comment, number)
