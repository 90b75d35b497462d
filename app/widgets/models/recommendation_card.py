"""One recommended model of the first start: what it is good for, its size, how it would run here."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.language import joined, spoken, tr
from app.models import hub_words
from app.models.hub_rows import Recommendation
from app.widgets.basics.plain_label import plain_label

_WIDTH_PX = 480


class RecommendationCard(QPushButton):
    """Can be chosen, one of a group; Space and the arrow keys choose as well."""

    def __init__(self, recommendation: Recommendation, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.recommendation = recommendation
        self.setProperty("kind", "choice")
        self.setCheckable(True)
        self.setAutoExclusive(True)
        self.setAutoDefault(False)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        title = hub_words.one_line(recommendation.title or recommendation.hub_id)
        facts = [hub_words.download_size(recommendation.download_bytes), recommendation.fit.label]
        facts += [hub_words.license_words(recommendation.license)]
        mark = tr("Recommended") if recommendation.is_best else ""
        self.setAccessibleName(spoken((title, mark, tr(recommendation.words), *facts)))
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(plain_label(title, "strong"))
        top.addStretch(1)
        if mark:
            top.addWidget(plain_label(mark, "mark"))
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(16, 12, 16, 12)
        self._column.setSpacing(2)
        self._column.addLayout(top)
        self._column.addWidget(plain_label(tr(recommendation.words), wraps=True))
        self._column.addWidget(plain_label(joined(facts), "small", wraps=True))
        for label in self.findChildren(QWidget):
            label.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)

    def sizeHint(self) -> QSize:
        """Return room for all lines: a push button would only count its own words."""
        width = self.width() if self.width() > _WIDTH_PX // 2 else _WIDTH_PX
        return QSize(_WIDTH_PX, self._column.totalHeightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        """Return the same height: nothing may be cut."""
        return QSize(240, self.sizeHint().height())
