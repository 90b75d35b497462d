"""Asks for the access token of an account on the Hub, says where one is made, and where it is kept."""

from PySide6.QtCore import Signal, Slot
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QCheckBox, QDialog, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from app.language import mark, tr
from app.models.token_state import TokenState
from app.widgets.basics.elided_label import ElidedLabel
from app.widgets.basics.filled_buttons import PrimaryButton
from app.widgets.basics.plain_label import plain_label
from engine.api.codec import clean_text

TOKENS_PAGE = "https://huggingface.co/settings/tokens"
_WIDTH_PX = 480
_LONGEST_TOKEN = 500
_WHY = mark(
    "Some models are private, or their publisher asks you to agree to something first. With an access token the Hub "
    "knows that it is you. A token that may only read is enough."
)
_WHERE_IT_GOES = mark("It is sent only to {address}, and never written to a file or a log of Hearth.")
_NO_KEYRING = mark("This computer has no keyring that Hearth could use.")
_UNTIL_CLOSED = mark("The token is known until Hearth closes.")


class TokenDialog(QDialog):
    """The token is taken out of the field as soon as it is given away."""

    token_given = Signal(object)  # (token, whether it is kept)
    token_removed = Signal()
    link_activated = Signal(object)  # url

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Access token"))
        self._page = TOKENS_PAGE
        self._wants_keeping = True
        self._is_giving = False
        self.account = plain_label("", wraps=True)
        self.field = QLineEdit()
        self.field.setEchoMode(QLineEdit.EchoMode.Password)
        self.field.setMaxLength(_LONGEST_TOKEN)
        self.field.setPlaceholderText("hf_…")
        self.field.setAccessibleName(tr("Access token"))
        self.shows = QCheckBox(tr("Show it"))
        self.keeps = QCheckBox(tr("Keep it in the system's keyring"))
        self.keeps.setChecked(True)
        self.no_keyring = plain_label(f"{tr(_NO_KEYRING)} {tr(_UNTIL_CLOSED)}", "small", wraps=True)
        self.address = plain_label("", "small", wraps=True)
        self.error = plain_label("", "danger", wraps=True)
        self.page_button = QPushButton(tr("Make a token…"))
        self.page_address = ElidedLabel()
        self.page_address.setProperty("role", "small")
        self.remove_button = QPushButton(tr("Remove token"))
        self.remove_button.setProperty("kind", "danger")
        self.save_button = PrimaryButton(tr("Use this token"))
        self.close_button = QPushButton(tr("Close"))
        self._build_layout()
        self._connect()
        self.set_state(False, True)

    @Slot(object, object, object, object)
    def set_state(self, has_token: bool, has_keyring: bool, account: str = "", error: str = "") -> None:
        """Show whether there is a token, whose it is, and why the last one could not be taken."""
        self.account.setText(account or (tr("Hearth has a token.") if has_token else ""))
        self.account.setVisible(bool(self.account.text()))
        self.remove_button.setVisible(has_token)
        self.keeps.setEnabled(has_keyring)
        self.keeps.setChecked(has_keyring and self._wants_keeping)
        self.no_keyring.setVisible(not has_keyring)
        self.error.setText(error)
        self.error.setVisible(bool(error))
        self.save_button.setText(tr("Use another token") if has_token else tr("Use this token"))
        self._fit_height()

    @Slot(object)
    def show_state(self, state: TokenState) -> None:
        """Show what is known about the token of an address; a token that was just given and taken closes the dialog."""
        if state.endpoint:
            self._page = f"{state.endpoint.rstrip('/')}/settings/tokens"
        where = tr("kept in the system's keyring") if state.is_kept else tr("known until Hearth closes")
        self.no_keyring.setText(f"{state.no_keyring} {tr(_UNTIL_CLOSED)}".strip())
        account = tr("Hearth has a token for this address, {where}.").format(where=where) if state.has_token else ""
        self.set_state(state.has_token, not state.no_keyring, account, state.error)
        if self._is_giving and state.has_token and not state.error:
            self.accept()
        self._is_giving = False

    def showEvent(self, event: QShowEvent) -> None:
        """Begin with an empty, hidden field."""
        super().showEvent(event)
        self.field.clear()
        self.shows.setChecked(False)
        self.field.setFocus()

    def _fit_height(self) -> None:
        self.page_address.set_text(self._page)
        address = self._page.split("//", 1)[-1].split("/", 1)[0]
        self.address.setText(tr(_WHERE_IT_GOES).format(address=address))
        for button in (self.remove_button, self.save_button, self.close_button):
            button.ensurePolished()
            button.setMinimumWidth(button.sizeHint().width())
        column = self.layout()
        if column is not None:
            column.invalidate()
            width = max(_WIDTH_PX, column.totalMinimumSize().width())  # other languages have longer buttons
            self.setFixedSize(width, column.totalHeightForWidth(width))

    def _build_layout(self) -> None:
        where = QHBoxLayout()
        where.setSpacing(12)
        where.addWidget(self.page_button)
        where.addWidget(self.page_address, 1)
        entry = QHBoxLayout()
        entry.setSpacing(8)
        entry.addWidget(self.field, 1)
        entry.addWidget(self.shows)
        buttons = QHBoxLayout()
        buttons.setSpacing(8)
        buttons.addWidget(self.remove_button)
        buttons.addStretch(1)
        buttons.addWidget(self.save_button)
        buttons.addWidget(self.close_button)
        for button in (self.page_button, self.remove_button, self.close_button):
            button.setAutoDefault(False)
        self.save_button.setDefault(True)
        column = QVBoxLayout(self)
        column.setContentsMargins(24, 20, 24, 16)
        column.setSpacing(12)
        column.addWidget(plain_label(tr(_WHY), wraps=True))
        column.addLayout(where)
        column.addWidget(self.account)
        column.addLayout(entry)
        column.addWidget(self.keeps)
        for label in (self.no_keyring, self.address, self.error):
            column.addWidget(label)
        column.addSpacing(4)
        column.addLayout(buttons)

    def _connect(self) -> None:
        self.field.textChanged.connect(self._on_text_changed)
        self.shows.toggled.connect(self._on_shows_toggled)
        self.keeps.clicked.connect(self._on_keeps_clicked)
        self.page_button.clicked.connect(lambda: self.link_activated.emit(self._page))
        self.remove_button.clicked.connect(self.token_removed)
        self.save_button.clicked.connect(self._on_save)
        self.close_button.clicked.connect(self.reject)
        self._on_text_changed()

    @Slot()
    def _on_text_changed(self) -> None:
        self.save_button.setEnabled(bool(self.field.text().strip()))

    @Slot(bool)
    def _on_shows_toggled(self, shows: bool) -> None:
        self.field.setEchoMode(QLineEdit.EchoMode.Normal if shows else QLineEdit.EchoMode.Password)

    @Slot(bool)
    def _on_keeps_clicked(self, keeps: bool) -> None:
        self._wants_keeping = keeps

    @Slot()
    def _on_save(self) -> None:
        token = clean_text(self.field.text()).strip()
        self.field.clear()
        if token:
            self._is_giving = True
            self.token_given.emit((token, self.keeps.isEnabled() and self.keeps.isChecked()))
